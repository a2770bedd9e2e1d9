use serde::{Deserialize, Serialize};

/// When a process counts as ready (`wait_ready`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum WaitReady {
    /// As soon as it was started.
    #[default]
    No,
    /// Once it says so: by `process.send('ready')`, or `READY=1` (sd_notify(3)).
    Told,
    /// Once its tree listens on its `port`.
    Port,
    /// Once its health check passes.
    Health,
}

/// As it is written: PM2 knows the switch alone.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Switch(bool),
    Word(Word),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Port,
    Health,
}

impl From<Written> for WaitReady {
    fn from(written: Written) -> Self {
        match written {
            Written::Switch(false) => Self::No,
            Written::Switch(true) => Self::Told,
            Written::Word(Word::Port) => Self::Port,
            Written::Word(Word::Health) => Self::Health,
        }
    }
}

impl From<WaitReady> for Written {
    fn from(wait: WaitReady) -> Self {
        match wait {
            WaitReady::No => Self::Switch(false),
            WaitReady::Told => Self::Switch(true),
            WaitReady::Port => Self::Word(Word::Port),
            WaitReady::Health => Self::Word(Word::Health),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_or_a_word() {
        let words = [(r#""port""#, WaitReady::Port), (r#""health""#, WaitReady::Health)];
        for (text, wait) in [("false", WaitReady::No), ("true", WaitReady::Told)].into_iter().chain(words) {
            assert_eq!(serde_json::from_str::<WaitReady>(text).unwrap(), wait);
            assert_eq!(serde_json::to_string(&wait).unwrap(), text);
        }
        assert!(serde_json::from_str::<WaitReady>(r#""soon""#).is_err());
    }
}
