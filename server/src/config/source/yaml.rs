//! YAML.

use serde_json::Value;

use super::Fault;

pub(in crate::config) fn read(text: &str) -> Result<Value, Fault> {
    // YAML 1.2, as PM2 reads it: `no` and `on` are words.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().and_then(|place| u32::try_from(place.line()).ok());
        Fault { line, message: first_line(&error.without_snippet().to_string()) }
    })
}

/// The message without the picture of the place that may follow.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn values() {
        let text = "# apps\nx-base: &base\n  autorestart: false\napps:\n  - name: a\n    <<: *base\n    port: 8080\n    args: ['-x', \"y z\"]\n    env: {ON: true, OFF: no, N: null}\n";
        let value = read(text).unwrap();
        assert_eq!(
            value["apps"],
            json!([{"name": "a", "autorestart": false, "port": 8080, "args": ["-x", "y z"], "env": {"ON": true, "OFF": "no", "N": null}}])
        );
    }

    #[test]
    fn a_mistake_has_a_line() {
        let fault = read("apps:\n  - name: a\n   bad: [unclosed\n").unwrap_err();
        assert!(fault.line.is_some_and(|line| line > 1), "{fault:?}");
        assert!(!fault.message.contains('\n'), "{fault:?}");
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..10 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(",");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(read(&text).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-:\\[\\]{}\"'a1&*!|>% \n#,]{0,60}") {
            let _ = read(&text);
        }
    }
}
