//! Which apps are meant: by name, namespace, id, `all` or /regex/.

use app::model::App;
use regex::Regex;

use super::Failure;

/// The apps that these words mean, each once, in the order of the node.
///
/// A word is tried as a name, then as a namespace, then as an id, as PM2 does (`API.js`, `_operate`).
///
/// # Errors
/// A word that means nothing, and a regular expression that is none.
pub(super) fn select<'a>(apps: &'a [App], words: &[String]) -> Result<Vec<&'a App>, Failure> {
    let mut chosen = vec![false; apps.len()];
    for word in words {
        let mut found = meant(apps, word)?.peekable();
        if found.peek().is_none() && word != "all" {
            return Err(unknown(apps, word));
        }
        found.for_each(|place| chosen[place] = true);
    }
    Ok(apps.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(app, _)| app).collect())
}

/// What these words mean, as [`select`], but the id of one instance of several means that one alone, as `NAME:INDEX`.
///
/// # Errors
/// The same.
pub(super) fn components(apps: &[App], words: &[String]) -> Result<Vec<String>, Failure> {
    let (one, others): (Vec<_>, Vec<_>) =
        words.iter().map(|word| (instance(apps, word), word)).partition(|(one, _)| one.is_some());
    let others: Vec<String> = others.into_iter().map(|(_, word)| word.clone()).collect();
    let mut names: Vec<String> = select(apps, &others)?.into_iter().map(|app| app.name.clone()).collect();
    for (app, index) in one.into_iter().filter_map(|(one, _)| one) {
        let name = format!("{}:{index}", app.name);
        if !names.contains(&app.name) && !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The instance that a word means and none of its siblings.
pub(super) fn instance<'a>(apps: &'a [App], word: &str) -> Option<(&'a App, u32)> {
    let id: u32 = word.parse().ok()?;
    if apps.iter().any(|app| app.name == word || app.namespace == word) {
        return None;
    }
    let app = apps.iter().find(|app| app.instances.len() > 1 && app.instances.iter().any(|one| one.pm_id == id))?;
    app.instances.iter().find(|one| one.pm_id == id).map(|one| (app, one.index))
}

/// Does this word mean an app that is known?
pub(super) fn is_known(apps: &[App], word: &str) -> bool {
    word == "all" || meant(apps, word).is_ok_and(|mut found| found.next().is_some())
}

/// Places of the apps that a word means.
fn meant(apps: &[App], word: &str) -> Result<impl Iterator<Item = usize>, Failure> {
    let expression = expression(word)?;
    let by = |matches: &dyn Fn(&App) -> bool| -> Vec<usize> { (0..apps.len()).filter(|place| matches(&apps[*place])).collect() };
    let first_of = |tries: &[&dyn Fn(&App) -> bool]| tries.iter().map(|matches| by(*matches)).find(|found| !found.is_empty());
    let found = match expression {
        _ if word == "all" => Some(by(&|_| true)),
        Some(expression) => Some(by(&|app| expression.is_match(&app.name))),
        None => {
            let id: Option<u32> = word.parse().ok();
            first_of(&[&|app| app.name == word, &|app| app.namespace == word, &|app| {
                app.instances.iter().any(|instance| Some(instance.pm_id) == id)
            }])
        }
    };
    Ok(found.unwrap_or_default().into_iter())
}

/// `/…/` is a regular expression for names.
fn expression(word: &str) -> Result<Option<Regex>, Failure> {
    let Some(text) = word.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    Regex::new(text).map(Some).map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Failure::Usage(format!("{word} is no regular expression: {why}; correct it, or name the apps"))
    })
}

fn unknown(apps: &[App], word: &str) -> Failure {
    let near = apps.iter().map(|app| (strsim::jaro_winkler(&app.name, word), &app.name)).filter(|(near, _)| *near > 0.8);
    let near = near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| format!("is {name} meant? "));
    Failure::failed(format!("no app has the name, namespace or id {word}; {}`qd ls` shows them all", near.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::app;
    use super::*;

    fn names(words: &[&str]) -> Result<Vec<String>, Failure> {
        let mut apps = vec![app("web-1", 0), app("web-2", 1), app("job", 2), app("7", 3), app("shop", 7)];
        apps[0].namespace = "shop".into();
        apps[2].namespace = "shop".into();
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Ok(select(&apps, &words)?.iter().map(|app| app.name.clone()).collect())
    }

    #[test]
    fn an_id_means_one_instance_of_several() {
        let mut apps = vec![app("web", 0), app("job", 2), app("5", 3)];
        let mut second = apps[0].instances[0].clone();
        (second.pm_id, second.index) = (1, 1);
        apps[0].instances.push(second);
        let components = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            components(&apps, &words).unwrap()
        };
        assert_eq!(components(&["1"]), ["web:1"]);
        assert_eq!(components(&["2", "0", "0"]), ["job", "web:0"]);
        assert_eq!(components(&["web", "1"]), ["web"], "all of them are meant already");
        assert_eq!(components(&["5"]), ["5"], "a name");
        assert!(instance(&apps, "2").is_none() && instance(&apps, "9").is_none());
    }

    #[test]
    fn by_each_kind_of_word() {
        for (words, wanted) in [
            (&["job"][..], &["job"][..]),
            (&["0"], &["web-1"]),
            (&["7"], &["7"]),       // a name before an id
            (&["shop"], &["shop"]), // a name before a namespace
            (&["default"], &["web-2", "7", "shop"]),
            (&["/^web-/"], &["web-1", "web-2"]),
            (&["all"], &["web-1", "web-2", "job", "7", "shop"]),
            (&["job", "web-1", "/job/"], &["web-1", "job"]),
        ] {
            assert_eq!(names(words).unwrap(), wanted, "{words:?}");
        }
    }

    #[test]
    fn unknown_is_named() {
        for word in ["jop", "99", "/nothing/", "-1", ""] {
            let Err(Failure::Failed(told)) = names(&["job", word]) else { panic!("{word:?} was taken") };
            assert!(told.contains(word), "{told}");
        }
        assert!(matches!(names(&["jop"]), Err(Failure::Failed(told)) if told.contains("is job meant?")));
        assert!(matches!(names(&["/(/"]), Err(Failure::Usage(told)) if told.contains("/(/")));
    }

    #[test]
    fn all_of_nothing_is_nothing() {
        assert!(select(&[], &["all".to_owned()]).unwrap().is_empty());
    }
}
