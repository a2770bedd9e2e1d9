use serde::{Deserialize, Serialize};

/// An app that another one waits for at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(from = "Written")]
pub struct Dependency {
    /// Its name.
    pub app: String,
    /// How far it has to be.
    pub until: Until,
}

/// How far an app has to be for those that wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// It has a process.
    Started,
    /// It counts as running.
    #[default]
    Ready,
    /// It runs, and listens on its `port` if it has one.
    Healthy,
    /// It has ended with exit code 0.
    Completed,
}

impl Until {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Healthy => "healthy",
            Self::Completed => "completed",
        }
    }

    /// Reads the word back; Docker Compose's words mean the same.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "started" | "service_started" => Self::Started,
            "ready" => Self::Ready,
            "healthy" | "service_healthy" => Self::Healthy,
            "completed" | "service_completed_successfully" => Self::Completed,
            _ => return None,
        })
    }
}

/// As it may be written: the name alone stands for one that has to be ready.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Whole {
        app: String,
        #[serde(default)]
        until: Until,
    },
}

impl From<Written> for Dependency {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(app) => Self { app, until: Until::Ready },
            Written::Whole { app, until } => Self { app, until },
        }
    }
}

/// One that has to be ready.
impl From<&str> for Dependency {
    fn from(app: &str) -> Self {
        Self { app: app.to_owned(), until: Until::Ready }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_it() {
        let read = |text: &str| serde_json::from_str::<Dependency>(text).ok();
        let db = |until| Some(Dependency { app: "db".into(), until });
        assert_eq!(read(r#""db""#), db(Until::Ready));
        assert_eq!(read(r#"{"app":"db"}"#), db(Until::Ready));
        assert_eq!(read(r#"{"app":"db","until":"completed"}"#), db(Until::Completed));
        assert_eq!(read(r#"{"app":"db","until":"gone"}"#), None);
        for until in [Until::Started, Until::Ready, Until::Healthy, Until::Completed] {
            assert_eq!(Until::from_word(until.word()), Some(until));
            assert_eq!(read(&serde_json::to_string(&db(until)).unwrap()), db(until));
        }
    }
}
