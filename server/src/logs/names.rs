//! Which file a stream is written to, and what its older parts are called.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use app::format::hex;
use app::model::{AppSpec, LogFile, LogStream};
use sha2::{Digest, Sha256};

/// Longest part of an app's name that is kept in a file name; a name may have 255 bytes with all that is added.
const NAME_LIMIT: usize = 100;

/// The folders of a node that have to do with logs.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Log files.
    pub(super) logs: PathBuf,
    /// When their lines were written.
    pub(super) index: PathBuf,
    /// FIFOs that the apps write to.
    pub(super) fifos: PathBuf,
}

/// Where the bytes of a stream go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The file.
    pub(super) file: PathBuf,
    /// A second one that gets a copy.
    pub(super) copy: Option<PathBuf>,
    /// Do other instances write to the file, now or soon?
    pub(super) shared: bool,
}

impl Layout {
    pub(super) fn new(home: &Path) -> Self {
        let logs = home.join("logs");
        Self { index: logs.join(".index"), logs, fifos: home.join("run/fifo") }
    }

    /// Path of the FIFO of a stream; no two streams share one.
    pub(super) fn fifo(&self, app: &str, index: u32, stream: LogStream) -> PathBuf {
        self.fifos.join(format!("{}.{index}.{}", safe_name(app), stream.word()))
    }

    /// The file of a stream; none if it is thrown away.
    pub(super) fn file(&self, spec: &AppSpec, index: u32, stream: LogStream) -> Option<PathBuf> {
        let word = match stream {
            LogStream::Stdout => "out",
            LogStream::Stderr => "error",
        };
        match setting(spec, stream) {
            LogFile::Home if spec.merge_logs || spec.instances <= 1 => {
                Some(self.logs.join(format!("{}-{word}.log", safe_name(&spec.name))))
            }
            LogFile::Home => Some(self.logs.join(format!("{}-{word}-{index}.log", safe_name(&spec.name)))),
            LogFile::Path(path) => custom(path),
            LogFile::Discard => None,
        }
    }

    /// Where the bytes of a stream go. With `log_file` alone, they go there.
    pub(super) fn route(&self, spec: &AppSpec, index: u32, stream: LogStream) -> Option<Route> {
        let both = spec.log_file.as_deref().and_then(custom);
        let shared = spec.instances > 1 && (spec.merge_logs || *setting(spec, stream) != LogFile::Home);
        match (self.file(spec, index, stream), both) {
            (None, None) => None,
            (None, Some(file)) => Some(Route { file, copy: None, shared }),
            (Some(file), both) => Some(Route { copy: both.filter(|both| *both != file), file, shared }),
        }
    }

    /// A log file with its older parts.
    pub(super) fn place(&self, file: PathBuf) -> Place {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let tag = if file.parent() == Some(&self.logs) {
            name
        } else {
            format!("{}~{}", &safe_name(&name), short_hash(file.as_os_str().as_encoded_bytes()))
        };
        Place { file, index: self.index.clone(), tag }
    }
}

fn setting(spec: &AppSpec, stream: LogStream) -> &LogFile {
    match stream {
        LogStream::Stdout => &spec.out_file,
        LogStream::Stderr => &spec.error_file,
    }
}

fn custom(path: &str) -> Option<PathBuf> {
    // `components` makes one path of `/a//b` and `/a/./b`, so that both have one writer.
    (path != "/dev/null").then(|| Path::new(path).components().collect())
}

/// PM2's rule (`[^a-zA-Z0-9.-]` becomes `-`). Where it changes a name, a hash is added behind a `~`, which no
/// unchanged name has: so two apps never share a file.
fn safe_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' }).collect();
    if plain == name && (1..=NAME_LIMIT).contains(&name.len()) {
        return plain;
    }
    format!("{}~{}", &plain[..plain.len().min(NAME_LIMIT)], short_hash(name.as_bytes()))
}

/// Ten hexadecimal digits that stand for these bytes.
pub(super) fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..5])
}

/// A log file, the older parts that were put aside, and the times of their lines. Older parts are numbered:
/// `api-out.log` becomes `api-out.000001.log`, and `.gz` when it is compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file that is written.
    pub(super) file: PathBuf,
    index: PathBuf,
    tag: String,
}

/// In which forms an older part exists. Both at once for a moment, or after a crash: then the compressed one is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forms {
    pub(super) plain: bool,
    pub(super) compressed: bool,
}

impl Place {
    /// Name of the file, fit for messages.
    pub(super) fn name(&self) -> String {
        self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Stands for this file in cursors, which go to clients, as the path must not.
    pub(super) fn mark(&self) -> String {
        short_hash(self.file.as_os_str().as_encoded_bytes())
    }

    fn stem(&self) -> String {
        self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn ending(&self) -> String {
        self.file.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default()
    }

    pub(super) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// Path of an older part.
    pub(super) fn old(&self, sequence: u64) -> PathBuf {
        self.folder().join(format!("{}.{sequence:06}{}", self.stem(), self.ending()))
    }

    /// Path of an older part that is compressed.
    pub(super) fn compressed(&self, sequence: u64) -> PathBuf {
        self.folder().join(format!("{}.{sequence:06}{}.gz", self.stem(), self.ending()))
    }

    /// Path of a compressed part that is not complete yet.
    pub(super) fn unfinished(&self, sequence: u64) -> PathBuf {
        self.folder().join(format!(".{}.{sequence:06}{}.gz.part", self.stem(), self.ending()))
    }

    /// Path of the times of the file.
    pub(super) fn times(&self) -> PathBuf {
        self.index.join(format!("{}.idx", self.tag))
    }

    /// Path of the times of an older part.
    pub(super) fn old_times(&self, sequence: u64) -> PathBuf {
        self.index.join(format!("{}.{sequence:06}.idx", self.tag))
    }

    /// The older parts that exist, oldest first.
    pub(super) fn olds(&self) -> io::Result<BTreeMap<u64, Forms>> {
        let (stem, ending) = (self.stem(), self.ending());
        let mut found = BTreeMap::<u64, Forms>::new();
        for name in names_in(self.folder())? {
            let (rest, compressed) = match name.strip_suffix(".gz") {
                Some(rest) => (rest, true),
                None => (name.as_str(), false),
            };
            if let Some(sequence) = number_between(rest, &stem, &ending) {
                let forms = found.entry(sequence).or_default();
                *(if compressed { &mut forms.compressed } else { &mut forms.plain }) = true;
            }
        }
        Ok(found)
    }

    /// Numbers of the older parts whose times are kept.
    pub(super) fn all_old_times(&self) -> io::Result<Vec<u64>> {
        Ok(names_in(&self.index)?.iter().filter_map(|name| number_between(name, &self.tag, ".idx")).collect())
    }

    /// Numbers of compressed parts that were never completed.
    pub(super) fn all_unfinished(&self) -> io::Result<Vec<u64>> {
        let (stem, ending) = (format!(".{}", self.stem()), format!("{}.gz.part", self.ending()));
        Ok(names_in(self.folder())?.iter().filter_map(|name| number_between(name, &stem, &ending)).collect())
    }

    /// Deletes an older part in all its forms.
    pub(super) fn remove_old(&self, sequence: u64) -> io::Result<()> {
        for path in [self.old(sequence), self.compressed(sequence), self.old_times(sequence)] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The files of a folder of which there are older parts, complete or not, by their names.
pub(super) fn with_older_parts(folder: &Path) -> io::Result<HashSet<String>> {
    let complete = |name: &str| name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".part")).unwrap_or(name).to_owned();
    Ok(names_in(folder)?.iter().filter_map(|name| Some(old_part(&complete(name))?.0)).collect())
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The number of `<stem>.<number><ending>`, which must be written as we write it: so files of other apps never fit.
fn number_between(name: &str, stem: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(ending)?;
    let number = digits.parse().ok()?;
    (format!("{number:06}") == digits).then_some(number)
}

/// The file that this is an older part of, by its name, and its number.
pub(super) fn old_part(name: &str) -> Option<(String, u64)> {
    let (rest, last) = name.strip_suffix(".gz").unwrap_or(name).rsplit_once('.')?;
    match Path::new(rest).extension() {
        None => Some((rest.to_owned(), number_between(&format!(".{last}"), "", "")?)),
        Some(_) => {
            let (stem, digits) = rest.rsplit_once('.')?;
            Some((format!("{stem}.{last}"), number_between(&format!(".{digits}"), "", "")?))
        }
    }
}

/// Is this how we name the file of an app that names none?
pub(super) fn sort_of_ours(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".log") else { return false };
    let index = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = if index == stem { stem } else { index.strip_suffix('-').unwrap_or(stem) };
    stem.ends_with("-out") || stem.ends_with("-error")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(name: &str) -> AppSpec {
        AppSpec { name: name.into(), ..AppSpec::default() }
    }

    #[test]
    fn files_as_pm2_names_them() {
        let layout = Layout::new(Path::new("/h"));
        let file = |spec: &AppSpec, index| layout.file(spec, index, LogStream::Stderr);
        assert_eq!(file(&spec("api"), 0), Some("/h/logs/api-error.log".into()));
        let four = AppSpec { instances: 4, ..spec("api") };
        assert_eq!(file(&four, 2), Some("/h/logs/api-error-2.log".into()));
        assert_eq!(file(&AppSpec { merge_logs: true, ..four }, 2), Some("/h/logs/api-error.log".into()));
        let custom = AppSpec { error_file: LogFile::Path("/var//log/./x.log".into()), ..spec("api") };
        assert_eq!(file(&custom, 0), Some("/var/log/x.log".into()));
        for nowhere in [LogFile::Discard, LogFile::Path("/dev/null".into())] {
            assert_eq!(file(&AppSpec { error_file: nowhere, ..spec("api") }, 0), None);
        }
    }

    #[test]
    fn log_file_gets_a_copy_or_all() {
        let layout = Layout::new(Path::new("/h"));
        let both = AppSpec { log_file: Some("/both.log".into()), ..spec("a") };
        let route = layout.route(&both, 0, LogStream::Stdout).unwrap();
        assert_eq!((route.file, route.copy), ("/h/logs/a-out.log".into(), Some("/both.log".into())));
        let alone = AppSpec { out_file: LogFile::Discard, ..both.clone() };
        assert_eq!(
            layout.route(&alone, 0, LogStream::Stdout).unwrap(),
            Route { file: "/both.log".into(), copy: None, shared: false }
        );
        let same = AppSpec { out_file: LogFile::Path("/both.log".into()), ..both };
        assert_eq!(
            layout.route(&same, 0, LogStream::Stdout).unwrap(),
            Route { file: "/both.log".into(), copy: None, shared: false }
        );
    }

    #[test]
    fn old_parts_are_those_of_this_file_alone() {
        let home = tempfile::tempdir().unwrap();
        let layout = Layout::new(home.path());
        std::fs::create_dir_all(&layout.logs).unwrap();
        let others =
            ["api-2-out.000001.log", "my-api-out.000001.log", "api-out.1.log", "api-out.000x01.log", "api-out.000003.log.bz2"];
        for name in ["api-out.log", "api-out.000001.log.gz", "api-out.000001.log", "api-out.1234567.log"].iter().chain(&others) {
            std::fs::write(layout.logs.join(name), "").unwrap();
        }
        let place = layout.place(layout.logs.join("api-out.log"));
        let both = Forms { plain: true, compressed: true };
        let plain = Forms { plain: true, compressed: false };
        assert_eq!(place.olds().unwrap(), BTreeMap::from([(1, both), (1_234_567, plain)]));
        place.remove_old(1).unwrap();
        assert_eq!(place.olds().unwrap(), BTreeMap::from([(1_234_567, plain)]));
        assert!(others.iter().all(|name| layout.logs.join(name).exists()));
    }

    #[test]
    fn a_file_has_older_parts_as_soon_as_one_is_begun() {
        let home = tempfile::tempdir().unwrap();
        let place = Layout::new(home.path()).place(home.path().join("api-out.log"));
        let found = || with_older_parts(home.path()).unwrap();
        for file in ["api-out.log", "my-api-out.log", ".api-out.log.part", "api-out.1.log"] {
            std::fs::write(home.path().join(file), "").unwrap();
        }
        assert!(found().is_empty(), "{:?}", found());
        for part in [place.old(1), place.compressed(7), place.unfinished(3)] {
            std::fs::write(&part, "").unwrap();
            assert_eq!(found(), HashSet::from([place.name()]), "{}", part.display());
            std::fs::remove_file(&part).unwrap();
        }
        assert!(with_older_parts(&home.path().join("gone")).unwrap().is_empty());
    }

    #[test]
    fn names_of_older_parts_are_known_again() {
        let layout = Layout::new(Path::new("/h"));
        for file in ["api-out.log", "api-error-12.log", "x", "a.b.c", "a.000001"] {
            let place = layout.place(layout.logs.join(file));
            for path in [place.old(7), place.compressed(7)] {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                assert_eq!(old_part(&name), Some((file.to_owned(), 7)), "{name}");
            }
        }
        for name in ["api-out.log", "api-out.1.log", "x.gz", "x.y", ""] {
            assert_eq!(old_part(name), None, "{name}");
        }
        assert!(["a-out.log", "a-error.log", "a-out-3.log"].into_iter().all(sort_of_ours));
        assert!(!["a.log", "a-out3.log", "a-out.txt", "out.log"].into_iter().any(sort_of_ours));
    }

    proptest! {
        #[test]
        fn names_stay_apart_and_inside(a in ".{0,120}", b in ".{0,120}") {
            let (x, y) = (safe_name(&a), safe_name(&b));
            prop_assert_eq!(a == b, x == y);
            prop_assert!(x.len() < 120 && !x.is_empty() && !x.contains('/'));
        }
    }
}
