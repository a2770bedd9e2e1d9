//! Arbitrary input.

use proptest::prelude::*;

use super::*;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2_i64..2000).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,4}[KMGsmh]?".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    let known = vec![
        "name",
        "script",
        "cwd",
        "args",
        "env",
        "env_x",
        "instances",
        "watch",
        "max_memory_restart",
        "min_uptime",
        "depends_on",
        "stop_signal",
        "cron",
        "uid",
    ];
    prop_oneof![proptest::sample::select(known).prop_map(str::to_owned), "[a-zA-Z_]{0,10}"]
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused(apps in proptest::collection::vec(proptest::collection::btree_map(any_key(), any_value(), 0..8), 0..4)) {
        let document = json!({ "apps": apps });
        match load_with(&document, &LoadOptions { env_name: Some("x".into()), ..LoadOptions::default() }) {
            Ok(loaded) => prop_assert!(loaded.specs.iter().all(|spec| !spec.name.is_empty() && !spec.script.is_empty() && spec.instances > 0)),
            Err(refused) => prop_assert!(!refused.errors.is_empty() && refused.errors.iter().all(|error| !error.to_string().contains('\n'))),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(name in "a\\.(json|yaml|toml|js|mjs)", text in "[\\[\\]{}:='\"a1 \n,#/*()-]{0,30}") {
        let folder = Folder::new();
        let _ = load(&folder.write(&name, &text), &LoadOptions::default());
    }
}
