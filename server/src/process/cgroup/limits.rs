//! Limits of a cgroup (Documentation/admin-guide/cgroup-v2.rst of Linux, "Controllers").

use std::io;

use app::model::TreeLimits;

use super::place::Cgroups;
use super::{Cgroup, write};

/// The period over which CPU is counted out, in µs; the kernel's default.
const PERIOD_US: u64 = 100_000;

/// One limit: who keeps it, and what is written where.
struct Limit {
    controller: &'static str,
    file: &'static str,
    text: String,
    /// Does it hold without?
    optional: bool,
}

fn limits(told: &TreeLimits) -> Vec<Limit> {
    let limit = |controller, file, text| Limit { controller, file, text, optional: false };
    let memory = told.memory_bytes.into_iter().flat_map(|bytes| {
        // What is swapped out is memory as well; where swap is not counted, there is no such file.
        let swap = Limit { optional: true, ..limit("memory", "memory.swap.max", "0".into()) };
        [limit("memory", "memory.max", bytes.to_string()), swap]
    });
    let cpu = told.cpu_percent.map(|percent| {
        let quota = u64::from(percent) * PERIOD_US / 100;
        limit("cpu", "cpu.max", format!("{quota} {PERIOD_US}"))
    });
    let pids = told.pids.map(|count| limit("pids", "pids.max", count.to_string()));
    memory.chain(cpu).chain(pids).collect()
}

impl Cgroups {
    /// Sets the limits of a cgroup.
    ///
    /// # Errors
    /// Which do not hold and why, as the end of a sentence. The others hold.
    pub fn limit(&self, cgroup: &Cgroup, told: &TreeLimits) -> Result<(), String> {
        let mut failures: Vec<String> = Vec::new();
        for Limit { controller, file, text, optional } in limits(told) {
            let failure = match self.enable(controller) {
                Err(why) => why,
                Ok(()) => match write(cgroup.path(), file, &text) {
                    Err(error) if !optional => format!("{file}: {error}"),
                    _ => continue,
                },
            };
            let failure = format!("limits.{controller}: {failure}");
            if !failures.contains(&failure) {
                failures.push(failure);
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
    }

    /// The limits that can be kept here: `cpu`, `memory`, `pids`.
    #[must_use]
    pub fn controllers(&self) -> Vec<String> {
        let (available, enabled) = (self.words("cgroup.controllers"), self.words("cgroup.subtree_control"));
        let is_free = self.may_move || !self.is_inner();
        ["cpu", "memory", "pids"]
            .into_iter()
            .filter(|one| enabled.iter().any(|word| word == one) || (is_free && available.iter().any(|word| word == one)))
            .map(str::to_owned)
            .collect()
    }

    /// Has the kernel count and limit this in the cgroups below the base.
    fn enable(&self, controller: &str) -> Result<(), String> {
        if self.words("cgroup.subtree_control").iter().any(|word| word == controller) {
            return Ok(());
        }
        if !self.words("cgroup.controllers").iter().any(|word| word == controller) {
            return Err(format!("the kernel gives {} no such controller", self.base.display()));
        }
        if self.is_inner() && !self.may_move {
            return Err(
                "systemd put qd where limits cannot be set; `qd startup` makes a unit that allows them, from systemd 254 on"
                    .into(),
            );
        }
        let word = format!("+{controller}");
        let enabled = write(&self.base, "cgroup.subtree_control", &word).or_else(|error| {
            // A process is in the base (cgroups(7), "no internal processes"). If it is us alone, we can go.
            if error.kind() != io::ErrorKind::ResourceBusy || !self.may_move {
                return Err(error);
            }
            self.enter_own()?;
            write(&self.base, "cgroup.subtree_control", &word).inspect_err(|_| {
                let _ = write(&self.base, "cgroup.procs", "0");
            })
        });
        enabled.map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => {
                format!("other processes are in {}, so it may not have limits below it", self.base.display())
            }
            _ => format!("{}/cgroup.subtree_control: {error}", self.base.display()),
        })
    }

    /// Are we in the base ourselves, and is it not the root of all, which alone may have both processes and limits below it?
    /// The root has no type (cgroup-v2.rst, "cgroup.type").
    fn is_inner(&self) -> bool {
        let has_us = self.words("cgroup.procs").contains(&std::process::id().to_string());
        has_us && self.base.join("cgroup.type").exists()
    }

    fn words(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.base.join(file)).unwrap_or_default();
        text.split_ascii_whitespace().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files as the kernel would have them.
    fn base(files: &[(&str, &str)]) -> (tempfile::TempDir, Cgroups, Cgroup) {
        let folder = tempfile::tempdir().unwrap();
        let cgroup = folder.path().join("qd.a");
        std::fs::create_dir(&cgroup).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let cgroups = Cgroups::for_tests(folder.path(), false);
        (folder, cgroups, Cgroup::at(cgroup))
    }

    const ALL: TreeLimits = TreeLimits { memory_bytes: Some(300 << 20), cpu_percent: Some(150), pids: Some(64), nofile: Some(9) };

    #[test]
    fn what_is_written() {
        let (_folder, cgroups, cgroup) =
            base(&[("cgroup.controllers", "cpu io memory pids\n"), ("cgroup.subtree_control", "cpu memory pids\n")]);
        for file in ["memory.max", "memory.swap.max", "cpu.max", "pids.max"] {
            std::fs::write(cgroup.path().join(file), "").unwrap();
        }
        assert_eq!(cgroups.limit(&cgroup, &ALL), Ok(()));
        let read = |file: &str| std::fs::read_to_string(cgroup.path().join(file)).unwrap();
        assert_eq!(["memory.max", "memory.swap.max", "cpu.max", "pids.max"].map(read), ["314572800", "0", "150000 100000", "64"]);
        std::fs::remove_file(cgroup.path().join("memory.swap.max")).unwrap();
        assert_eq!(cgroups.limit(&cgroup, &ALL), Ok(()), "a kernel that does not count swap");
        std::fs::remove_file(cgroup.path().join("pids.max")).unwrap();
        let told = cgroups.limit(&cgroup, &ALL).unwrap_err();
        assert!(told.starts_with("limits.pids: pids.max: "), "{told}");
        assert_eq!(cgroups.controllers(), ["cpu", "memory", "pids"]);
    }

    #[test]
    fn a_controller_is_enabled_once() {
        let (folder, cgroups, _) = base(&[("cgroup.controllers", "memory pids\n"), ("cgroup.subtree_control", "")]);
        let control = folder.path().join("cgroup.subtree_control");
        assert_eq!(cgroups.enable("pids"), Ok(()));
        assert_eq!(std::fs::read_to_string(&control).unwrap(), "+pids");
        std::fs::write(&control, "pids\n").unwrap();
        assert_eq!(cgroups.enable("pids"), Ok(()));
        assert_eq!(std::fs::read_to_string(&control).unwrap(), "pids\n");
    }

    #[test]
    fn what_does_not_hold_is_told() {
        let (_folder, cgroups, cgroup) = base(&[("cgroup.controllers", "\n"), ("cgroup.subtree_control", "\n")]);
        let told = cgroups.limit(&cgroup, &ALL).unwrap_err();
        for word in ["limits.memory", "limits.cpu", "limits.pids"] {
            assert_eq!(told.matches(word).count(), 1, "{told}");
        }
        assert!(ALL.need_cgroup() && !TreeLimits { nofile: Some(9), ..TreeLimits::default() }.need_cgroup());
        assert_eq!(cgroups.controllers(), Vec::<String>::new());
    }

    #[test]
    fn under_systemd_we_stay_where_we_are() {
        let own = format!("{}\n", std::process::id());
        let (_folder, cgroups, cgroup) = base(&[
            ("cgroup.controllers", "memory\n"),
            ("cgroup.subtree_control", ""),
            ("cgroup.type", "domain\n"),
            ("cgroup.procs", &own),
        ]);
        let told = cgroups.limit(&cgroup, &TreeLimits { memory_bytes: Some(1), ..TreeLimits::default() }).unwrap_err();
        assert!(told.contains("qd startup"), "{told}");
        assert_eq!(cgroups.controllers(), Vec::<String>::new());
    }
}
