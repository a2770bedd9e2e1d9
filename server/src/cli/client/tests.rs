use app::model::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;

/// A home whose daemon gives these answers, one to each connection, and keeps what it was asked.
struct Fake {
    folder: tempfile::TempDir,
    asked: tokio::task::JoinHandle<Vec<String>>,
}

impl Fake {
    fn new(answers: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let listener = UnixListener::bind(folder.path().join("run/qd.sock")).unwrap();
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                asked.push(String::from_utf8_lossy(&request[..length]).into_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        Self { folder, asked }
    }

    fn client(&self) -> Client {
        client(self.folder.path())
    }
}

fn client(folder: &std::path::Path) -> Client {
    Client::new(&Home::find(Some(folder)).unwrap())
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nretry-after: 0\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn problem(message: &str) -> String {
    format!(r#"{{"error":{{"code":"x","message":"{message}","request_id":"1"}}}}"#)
}

async fn apps(answers: Vec<String>) -> Result<Vec<App>, Failure> {
    Fake::new(answers).client().get("/api/apps").await
}

#[tokio::test]
async fn nobody_there_is_no_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let told = client(folder.path()).get::<Vec<App>>("/api/apps").await;
    assert!(matches!(&told, Err(Failure::NoDaemon(why)) if why.contains(folder.path().to_str().unwrap())), "{told:?}");

    // A daemon that was killed leaves its socket behind.
    std::fs::create_dir(folder.path().join("run")).unwrap();
    drop(UnixListener::bind(folder.path().join("run/qd.sock")).unwrap());
    let told = client(folder.path()).get::<Vec<App>>("/api/apps").await;
    assert!(matches!(told, Err(Failure::NoDaemon(_))), "{told:?}");
}

#[tokio::test]
async fn a_path_that_the_kernel_does_not_take() {
    let told = client(std::path::Path::new(&format!("/tmp/{}", "long/".repeat(30)))).get::<Vec<App>>("/api/apps").await;
    assert!(matches!(&told, Err(Failure::Usage(why)) if why.contains("107")), "{told:?}");
}

#[tokio::test]
async fn a_refusal_is_told_in_its_own_words() {
    let told = apps(vec![answer("404 Not Found", &problem("no app is called a"))]).await;
    assert!(matches!(&told, Err(Failure::Failed(why)) if why == "no app is called a"), "{told:?}");
    let told = apps(vec![answer("403 Forbidden", &problem("another user"))]).await;
    assert!(
        matches!(&told, Err(Failure::Failed(why)) if why.contains("another user") && why.contains("run this as the user")),
        "{told:?}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off() {
    for cut in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[", "this is no HTTP\r\n\r\n"] {
        let told = apps(vec![cut.to_owned()]).await;
        assert!(matches!(&told, Err(Failure::Failed(why)) if why.contains("ended the connection")), "{cut:?}: {told:?}");
    }
}

#[tokio::test]
async fn an_answer_of_another_version() {
    for other in [answer("200 OK", r#"{"apps":"three"}"#), answer("501 Not Implemented", "what?")] {
        let told = apps(vec![other]).await;
        assert!(matches!(&told, Err(Failure::Failed(why)) if why.contains("another version")), "{told:?}");
    }
}

#[tokio::test]
async fn asked_again_when_it_was_too_soon() {
    let done = r#"{"status":"OK","action":"stop","component":"a b/c","message":"Component stopped successfully"}"#;
    let fake = Fake::new(vec![answer("429 Too Many Requests", ""), answer("200 OK", done)]);
    fake.client().control(Action::Stop, "a b/c").await.unwrap();
    let asked = fake.asked.await.unwrap();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|request| request.starts_with("POST /api/control/stop/a%20b%2Fc HTTP/1.1\r\n")), "{asked:?}");
}

#[tokio::test]
async fn what_was_not_done_says_why() {
    let body = r#"{"status":"ERROR","action":"stop","component":"a","message":"a is stopped already"}"#;
    for status in ["409 Conflict", "200 OK"] {
        let told = Fake::new(vec![answer(status, body)]).client().control(Action::Stop, "a").await;
        assert!(matches!(&told, Err(Failure::Failed(why)) if why == "a is stopped already"), "{told:?}");
    }
}

const HASTE: Patience = Patience { answer: Duration::from_millis(500), life: Duration::from_millis(50) };

/// A home whose daemon takes orders and never answers them, but says that it lives so many times.
async fn deaf_to_orders(lives: usize) -> Result<ControlAnswer, Failure> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let listener = UnixListener::bind(folder.path().join("run/qd.sock")).unwrap();
    let daemon = tokio::spawn(async move {
        let mut open = Vec::new();
        let mut lives = lives;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            if request[..length].starts_with(b"GET /api/health/live ") && lives > 0 {
                lives -= 1;
                stream.write_all(answer("200 OK", "{}").as_bytes()).await.unwrap();
            }
            open.push(stream);
        }
    });
    let told = Client { patience: HASTE, ..client(folder.path()) }.control(Action::Stop, "a").await;
    daemon.abort();
    told
}

#[tokio::test]
async fn whoever_orders_something_is_told_that_the_daemon_hangs() {
    for lives in [0, 4] {
        let begun = Instant::now();
        let told = deaf_to_orders(lives).await;
        assert!(matches!(&told, Err(Failure::Failed(why)) if why.contains("no answer") && why.contains("--heal")), "{told:?}");
        // As long as it says that it lives, whoever asked waits.
        assert!(begun.elapsed() >= HASTE.life * u32::try_from(lives).unwrap() + HASTE.answer);
    }
}
