//! Pages.

mod login;
mod pages;
