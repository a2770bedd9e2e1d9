//! What a process may use and do.

use serde_json::Value;

use super::{Read, number, wrong};

/// The most cores that a limit of CPU can name: more than any host has.
const MOST_CORES: f64 = 10_000.0;

/// A nice value (`nice(2)`).
pub(in crate::config) fn nice(value: &Value) -> Read<i32> {
    let nice = number::whole(value).and_then(|number| i32::try_from(number).ok()).filter(|nice| (-20..=19).contains(nice));
    nice.map_or_else(|| wrong(value, "a nice value; write a number from -20 (first) to 19 (last)"), Ok)
}

/// Permissions that new files do not get, in octal digits as the shell's `umask` and `chmod` take them, also where they were written as
/// a number: 22 is `0022`.
pub(in crate::config) fn umask(value: &Value) -> Read<u32> {
    let digits = match value {
        Value::String(text) => text.trim().strip_prefix("0o").unwrap_or(text.trim()).to_owned(),
        other => number::whole(other).map(|number| number.to_string()).unwrap_or_default(),
    };
    let is_octal = !digits.is_empty() && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let mask = u32::from_str_radix(&digits, 8).ok().filter(|mask| is_octal && *mask <= 0o777);
    mask.map_or_else(|| wrong(value, "a umask; write octal digits, such as \"0022\" or \"077\""), Ok)
}

/// A limit of CPU, in percent of one core: `1.5` cores, or `"150%"`.
pub(in crate::config) fn cpu(value: &Value) -> Read<u32> {
    let percent = match value.as_str().and_then(|text| text.trim().strip_suffix('%')) {
        Some(percent) => number::any(&Value::from(percent.trim_end())),
        None => number::any(value).map(|cores| cores * 100.0),
    };
    match percent.map(f64::round) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was looked at")]
        Some(percent) if (1.0..=MOST_CORES * 100.0).contains(&percent) => Ok(percent as u32),
        _ => wrong(value, "a limit of CPU; write cores as a number such as 0.5 or 2, or percent of one core such as \"150%\""),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn nice_values() {
        check(
            nice,
            [
                (json!(-20), Some(-20)),
                (json!(0), Some(0)),
                (json!("19"), Some(19)),
                (json!(20), None),
                (json!(-21), None),
                (json!(1.5), None),
                (json!("low"), None),
                (json!(true), None),
            ],
        );
    }

    #[test]
    fn umasks() {
        check(
            umask,
            [
                (json!("0022"), Some(0o022)),
                (json!("22"), Some(0o022)),
                (json!("0o027"), Some(0o027)),
                (json!(" 077 "), Some(0o077)),
                (json!(22), Some(0o022)),
                (json!(0), Some(0)),
                (json!("777"), Some(0o777)),
                (json!("1777"), None),
                (json!(18), None),
                (json!(-22), None),
                (json!("+22"), None),
                (json!("u=rwx"), None),
                (json!(""), None),
                (json!(2.2), None),
                (json!(true), None),
            ],
        );
    }

    #[test]
    fn shares_of_cpu() {
        check(
            cpu,
            [
                (json!(1.5), Some(150)),
                (json!("1.5"), Some(150)),
                (json!("150%"), Some(150)),
                (json!("50 %"), Some(50)),
                (json!(4), Some(400)),
                (json!(0.01), Some(1)),
                (json!(0), None),
                (json!(0.001), None),
                (json!(-1), None),
                (json!("%"), None),
                (json!("half"), None),
                (json!(1e300), None),
                (json!([1]), None),
            ],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let text = json!(text);
            let _ = (nice(&text), umask(&text), cpu(&text));
        }
    }
}
