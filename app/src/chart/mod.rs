//! Charts as SVG whose geometry stands in attributes: they need no library, no inline style and no JavaScript to be seen.

mod feed;
mod line;
mod scale;
mod spark;
mod strip;

#[cfg(feature = "hydrate")]
pub(crate) use feed::feed;
pub(crate) use feed::{growth, percentile_95};
pub(crate) use line::{LinePlot, Plot, PlotFrame};
pub(crate) use scale::Frame;
pub(crate) use spark::{Spark, SparkLine};
pub(crate) use strip::Strip;
