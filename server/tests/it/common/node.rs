//! A node behind real listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use quarterdeck::api::Context;
use quarterdeck::auth::{Auth, Role, Settings};
use quarterdeck::history::State;
use quarterdeck::web::{self, Listeners};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Client, Fake};

/// What differs from one test to the next.
pub(crate) struct Options {
    pub(crate) settings: Settings,
    pub(crate) streams: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { settings: Settings::default(), streams: 100 }
    }
}

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) fake: Arc<Fake>,
    pub(crate) auth: Auth,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    _home: TempDir,
}

impl Node {
    /// A node with these apps.
    pub(crate) async fn with(names: &[&str]) -> Self {
        Self::start(names, Options::default()).await
    }

    pub(crate) async fn start(names: &[&str], options: Options) -> Self {
        let home = tempfile::tempdir().unwrap();
        let state = State::open(home.path(), &(Arc::new(|_| {}) as _)).unwrap();
        let auth = Auth::new(state, options.settings).unwrap();
        let fake = Fake::new(names);
        let (stop, stopped) = watch::channel(false);
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let socket = home.path().join("socket");
        let unix = web::listen_unix(&socket).unwrap();
        let context = Context::new(Arc::clone(&fake) as _, auth.clone(), options.streams, stopped.clone());
        let listeners = Listeners { tcp: vec![tcp], unix: Some(unix) };
        let serving = tokio::spawn(web::serve(listeners, web::router(context), stopped).unwrap());
        Self { address, socket, fake, auth, stop, serving, _home: home }
    }

    /// Somebody without a token.
    pub(crate) fn anybody(&self) -> Client {
        Client::new(self.address)
    }

    /// Somebody with a token of this role, which is also its name.
    pub(crate) async fn client(&self, role: Role) -> Client {
        let token = self.auth.create_token(role.word(), role).await.unwrap();
        self.anybody().with("authorization", &format!("Bearer {token}"))
    }

    pub(crate) async fn viewer(&self) -> Client {
        self.client(Role::Viewer).await
    }

    pub(crate) async fn operator(&self) -> Client {
        self.client(Role::Operator).await
    }

    pub(crate) async fn admin(&self) -> Client {
        self.client(Role::Admin).await
    }

    /// The owner, on the command line.
    pub(crate) fn owner(&self) -> Client {
        Client::over_socket(&self.socket)
    }

    /// A browser that has signed in with a login link.
    pub(crate) async fn browser(&self) -> Client {
        let link = self.auth.create_login_link().await.unwrap();
        let secret = self.auth.use_login_link(&link).await.unwrap().unwrap();
        self.anybody().with("cookie", &format!("qd_session={secret}"))
    }

    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops it, and waits for the end of all connections.
    pub(crate) async fn stop(self) {
        self.begin_stop();
        self.serving.await.unwrap();
    }
}
