//! A view whose type is forgotten, so that views do not grow into one another's types.
//!
//! Leptos has `AnyView` for it, which also brings along what is needed to resolve and to hydrate a view asynchronously,
//! to give it further attributes and to change it into another: a fifth of the WASM, and nothing here uses it.

use leptos::prelude::*;
use leptos::tachys::html::attribute::Attribute;
use leptos::tachys::html::attribute::any_attribute::AnyAttribute;
use leptos::tachys::hydration::Cursor;
use leptos::tachys::renderer::types::{Element, Node};
use leptos::tachys::view::{Mountable, Position, PositionState};

/// A view of any type.
pub(crate) struct Erased(Box<dyn AnyRender + Send>);

/// Forgets the type of a view.
pub(crate) trait Erase {
    /// Forgets it.
    fn erase(self) -> Erased;
}

impl<T: RenderHtml + 'static> Erase for T {
    fn erase(self) -> Erased {
        Erased(Box::new(self))
    }
}

trait AnyRender {
    fn build(self: Box<Self>) -> Mounted;
    fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Mounted;
    fn to_html(self: Box<Self>, buf: &mut String, position: &mut Position, escape: bool, mark_branches: bool);
}

impl<T: RenderHtml + 'static> AnyRender for T {
    fn build(self: Box<Self>) -> Mounted {
        Mounted(Box::new(Render::build(*self)))
    }

    fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Mounted {
        Mounted(Box::new(RenderHtml::hydrate::<true>(*self, cursor, position)))
    }

    fn to_html(self: Box<Self>, buf: &mut String, position: &mut Position, escape: bool, mark_branches: bool) {
        // The browser never renders to HTML; without this its WASM would hold all that could.
        #[cfg(feature = "ssr")]
        (*self).to_html_with_buf(buf, position, escape, mark_branches, Vec::new());
        #[cfg(not(feature = "ssr"))]
        let _ = (buf, position, escape, mark_branches);
    }
}

/// A view of any type that is in the document.
pub(crate) struct Mounted(Box<dyn Mountable>);

impl Render for Erased {
    type State = Mounted;

    fn build(self) -> Mounted {
        self.0.build()
    }

    /// Another view takes its place: nobody knows whether it is of the same type.
    fn rebuild(self, state: &mut Mounted) {
        let mut new = self.0.build();
        state.insert_before_this(&mut new);
        state.unmount();
        *state = new;
    }
}

impl AddAnyAttr for Erased {
    type Output<SomeNewAttr: Attribute> = Self;

    /// Attributes belong on the elements within.
    fn add_any_attr<NewAttr: Attribute>(self, _: NewAttr) -> Self {
        self
    }
}

impl RenderHtml for Erased {
    type AsyncOutput = Self;
    type Owned = Self;
    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        _: Vec<AnyAttribute>,
    ) {
        self.0.to_html(buf, position, escape, mark_branches);
    }

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Mounted {
        self.0.hydrate(cursor, position)
    }

    fn into_owned(self) -> Self {
        self
    }
}

impl Mountable for Mounted {
    fn unmount(&mut self) {
        self.0.unmount();
    }

    fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
        self.0.mount(parent, marker);
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        self.0.insert_before_this(child)
    }

    fn elements(&self) -> Vec<Element> {
        self.0.elements()
    }
}
