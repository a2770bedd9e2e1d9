//! The body of every error outside of the control routes.

use serde::{Deserialize, Serialize};

/// What went wrong, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ProblemBody {
    /// A fixed word for programs: `app_not_found`.
    pub code: String,
    /// A sentence for people: what failed, why, what to do.
    pub message: String,
    /// The field that was bad, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Stands in the log of the server as well.
    pub request_id: String,
}

/// `{"error":{…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The error.
    pub error: ProblemBody,
}
