//! The text format of Prometheus, as far as values of known names are looked for in it
//! (prometheus.io/docs/instrumenting/exposition_formats).

/// The values of these names, each the sum over all its labels. A name that is not there is left out; what is no line of the
/// format is passed over.
#[must_use]
pub fn values(text: &str, names: &[String]) -> Vec<(String, f64)> {
    let mut found: Vec<(String, Option<f64>)> = names.iter().map(|name| (name.clone(), None)).collect();
    for line in text.lines() {
        let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace()).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if let Some((_, sum)) = found.iter_mut().find(|(known, _)| known == name)
            && let Some(value) = value(rest)
        {
            *sum = Some(sum.unwrap_or(0.0) + value);
        }
    }
    found.into_iter().filter_map(|(name, sum)| Some((name, sum?))).collect()
}

/// What comes behind the labels; a time may follow.
fn value(rest: &str) -> Option<f64> {
    let behind = if rest.starts_with('{') { behind_labels(rest)? } else { rest };
    behind.split_ascii_whitespace().next()?.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Values of labels stand in quotes, in which a backslash takes the next character as it is.
fn behind_labels(rest: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            '}' if !quoted => return rest.get(at + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "# HELP a_total Requests {}\n# TYPE a_total counter\na_total{path=\"/x}\\\"\",code=\"200\"} 3 1395066363000\n\
                        a_total{code=\"500\"} 1.5\na_total_more 9\nb 1e3\r\nc NaN\nd{x=\"1\"\ne -2\n";

    #[test]
    fn names_are_summed_over_their_labels() {
        let names = ["a_total", "b", "c", "d", "e", "gone"].map(str::to_owned);
        let found = values(TEXT, &names);
        assert_eq!(found, [("a_total".to_owned(), 4.5), ("b".into(), 1000.0), ("e".into(), -2.0)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[a{}\"\\\\ 1\n=]{0,80}") {
            let found = values(&text, &["a".to_owned()]);
            prop_assert!(found.iter().all(|(_, value)| value.is_finite()));
        }
    }
}
