//! Package managers: pinned versions, no questions, no leftovers.

use super::{Broken, Step};
use crate::docker::validate::{dockerfile::BaseImage, shell::Command};
use std::collections::{BTreeMap, BTreeSet};

pub fn check(steps: &[Step<'_>], kept: &[Step<'_>], broken: &mut Broken) {
    for steps in [steps, kept] {
        for (rule, is_broken) in RULES {
            let runs = steps.iter().filter(|step| step.is("RUN"));
            broken.extend(runs.filter(|step| is_broken(step)).map(|step| (step.line(), rule)));
        }
        unpinned_rpms(steps, "DL3033", &["yum"], &["module"], broken);
        unpinned_rpms(steps, "DL3041", &["dnf", "microdnf"], &["module", "group"], broken);
        pip_cache(steps, broken);
        left_behind(steps, "DL3009", leaves_apt_lists, broken);
        left_behind(steps, "DL3060", leaves_yarn_cache, broken);
    }
}

type Rule = (&'static str, fn(&Step<'_>) -> bool);

/// Rules that need no more than the one RUN.
const RULES: [Rule; 17] = [
    ("DL3008", |step| {
        any(step, |command| {
            let packages =
                command.has(&["apt-get"], &["install"]).then(|| command.words(&["t", "target-release"]));
            packages.is_some_and(|words| {
                words
                    .iter()
                    .any(|word| *word != "install" && !word.contains(['=', '/']) && !word.ends_with(".deb"))
            })
        })
    }),
    ("DL3013", |step| any(step, pip_is_not_pinned)),
    ("DL3014", |step| any(step, |command| command.has(&["apt-get"], &["install"]) && !says_yes(command))),
    ("DL3015", |step| {
        any(step, |command| {
            command.has(&["apt-get"], &["install"])
                && !command.has_flag(&["no-install-recommends"])
                && !command.has_argument("APT::Install-Recommends=false")
        })
    }),
    ("DL3016", |step| any(step, npm_is_not_pinned)),
    ("DL3018", |step| {
        any(step, |command| {
            let flags = ["t", "virtual", "repository", "X"];
            let packages = command.has(&["apk"], &["add"]).then(|| command.words(&flags));
            packages.is_some_and(|words| {
                words.iter().any(|word| {
                    *word != "add" && !word.contains(['=', '~', '>', '<']) && !word.ends_with(".apk")
                })
            })
        })
    }),
    ("DL3019", |step| {
        !step.has_mount_over("/var/cache/apk")
            && any(step, |command| command.has(&["apk"], &["add"]) && !command.has_flag(&["no-cache"]))
    }),
    ("DL3028", |step| any(step, gem_is_not_pinned)),
    ("DL3030", |step| {
        any(step, |command| installs_rpms(command, &["yum"]) && !command.has_flag(&["y", "assumeyes"]))
    }),
    ("DL3032", |step| {
        is_not_cleaned(
            step,
            |command| command.has(&["yum"], &["install"]),
            |command| {
                command.has(&["yum"], &["clean", "all"]) || command.has(&["rm"], &["-rf", "/var/cache/yum/*"])
            },
        )
    }),
    ("DL3034", |step| {
        any(step, |command| {
            let changes = ["install", "in", "remove", "rm", "source-install", "si", "patch"];
            command.has(&["zypper"], &changes)
                && !command.has_flag(&["non-interactive", "n", "no-confirm", "y"])
        })
    }),
    ("DL3035", |step| any(step, |command| command.has(&["zypper"], &["dist-upgrade", "dup"]))),
    ("DL3036", |step| {
        !step.has_mount_over("/var/cache/zypp")
            && is_not_cleaned(
                step,
                |command| command.has(&["zypper"], &["install", "in"]),
                |command| command.has(&["zypper"], &["clean", "cc"]),
            )
    }),
    ("DL3037", |step| {
        any(step, |command| {
            let packages = command.has(&["zypper"], &["install", "in"]).then(|| command.words(&[]));
            packages.is_some_and(|words| {
                words.iter().any(|word| {
                    !matches!(*word, "install" | "in")
                        && !word.contains(['=', '>', '<'])
                        && !word.ends_with(".rpm")
                })
            })
        })
    }),
    ("DL3038", |step| {
        any(step, |command| {
            installs_rpms(command, &["dnf", "microdnf"]) && !command.has_flag(&["y", "assumeyes"])
        })
    }),
    ("DL3040", |step| {
        let cached = step.has_mount_over("/var/cache/libdnf5") || step.has_mount_over(".cache/libdnf5");
        !cached && (dnf_is_not_cleaned(step, "dnf") || dnf_is_not_cleaned(step, "microdnf"))
    }),
    ("DL3062", |step| {
        go_packages(step).iter().any(|package| {
            let is_here = package.starts_with(['/', '.']);
            let is_pinned =
                package.contains('@') && !package.ends_with("@latest") && !package.ends_with("@none");
            !is_here && !is_pinned
        })
    }),
];

fn any(step: &Step<'_>, wanted: impl Fn(&Command) -> bool) -> bool {
    step.script.commands.iter().any(wanted)
}

fn says_yes(command: &Command) -> bool {
    command.has_flag(&["y", "yes", "qq", "assume-yes"])
        || command.count_flag("q") == 2
        || command.count_flag("quiet") == 2
        || command.has_argument("-q=2")
}

fn installs_rpms(command: &Command, names: &[&str]) -> bool {
    command.has(names, &["install", "groupinstall", "localinstall"])
}

/// It installs, and nothing later in the same RUN cleans up.
fn is_not_cleaned(
    step: &Step<'_>,
    installs: impl Fn(&Command) -> bool,
    cleans: impl Fn(&Command) -> bool,
) -> bool {
    match (step.script.position(installs), step.script.position(cleans)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(installed), Some(cleaned)) => installed >= cleaned,
    }
}

fn dnf_is_not_cleaned(step: &Step<'_>, name: &str) -> bool {
    const INSTALLS: [&str; 8] =
        ["install", "in", "upgrade", "up", "upgrade-minimal", "up-min", "reinstall", "rei"];
    is_not_cleaned(
        step,
        |command| command.has(&[name], &INSTALLS),
        |command| {
            command.has(&[name], &["clean", "all"]) || command.has(&["rm"], &["-rf", "/var/cache/libdnf5*"])
        },
    )
}

fn after_install<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let found = words.iter().skip_while(|word| **word != "install").skip_while(|word| **word == "install");
    found.copied().collect()
}

fn pip_is_not_pinned(command: &Command) -> bool {
    const WITH_VALUE: [&str; 26] = [
        "abi",
        "b",
        "build",
        "e",
        "editable",
        "extra-index-url",
        "f",
        "find-links",
        "i",
        "index-url",
        "implementation",
        "no-binary",
        "only-binary",
        "platform",
        "prefix",
        "progress-bar",
        "proxy",
        "python",
        "python-version",
        "root",
        "root-user-action",
        "src",
        "t",
        "target",
        "trusted-host",
        "upgrade-strategy",
    ];
    const REPOSITORIES: [&str; 4] = ["git", "hg+", "svn", "bzr+"];
    let from_elsewhere = ["--requirement", "-r", "."].iter().any(|word| command.has_argument(word));
    if !command.is_pip_install() || command.has_flag(&["constraint", "c"]) || from_elsewhere {
        return false;
    }
    let is_pinned = |package: &str| {
        let is_repository = REPOSITORIES.iter().any(|scheme| is_scheme(package, scheme));
        package.contains(['>', '<'])
            || ["==", "!=", "~="].iter().any(|sign| package.contains(sign))
            || (is_repository && package.contains('@'))
            || package.ends_with(".whl")
            || package.ends_with(".tar.gz")
            || (!is_repository && package.contains('/'))
    };
    !after_install(&command.words(&WITH_VALUE)).iter().all(|package| is_pinned(package))
}

/// pip's own names of version control: `git` and `svn` also without a transport.
fn is_scheme(package: &str, scheme: &str) -> bool {
    let Some(rest) = package.strip_prefix(scheme) else { return false };
    let transports: &[&str] = match scheme {
        "hg+" => &["file", "http", "ssh", "static-http"],
        "bzr+" => &["http", "ssh", "sftp", "ftp", "lp"],
        _ => &[""],
    };
    transports.iter().any(|transport| rest.starts_with(transport))
}

fn npm_is_not_pinned(command: &Command) -> bool {
    let words = command.words(&["loglevel", "registry"]);
    if !command.has(&["npm"], &["install"]) || words.first() != Some(&"install") {
        return false;
    }
    let is_pinned = |package: &str| {
        if ["git://", "git+ssh://", "git+http://", "git+https://"]
            .iter()
            .any(|scheme| package.starts_with(scheme))
        {
            return package.contains('#');
        }
        let is_file = [".tar", ".tar.gz", ".tgz"].iter().any(|end| package.ends_with(end))
            || ["/", "./", "../", "~/"].iter().any(|start| package.starts_with(start));
        // Of `@scope/name@1` the first sign is no version.
        let unscoped = match package.starts_with('@') {
            true => package.trim_start_matches(|letter| letter > '/'),
            false => package,
        };
        is_file || unscoped.contains('@')
    };
    !after_install(&words).iter().all(|package| is_pinned(package))
}

fn gem_is_not_pinned(command: &Command) -> bool {
    let with_version = command.has_argument("-v")
        || command.has_argument("--version")
        || command.arguments.iter().any(|argument| argument.starts_with("--version="));
    if !command.has(&["gem"], &["install", "i"]) || with_version {
        return false;
    }
    let mut arguments = command.arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument.starts_with('-') {
            arguments.next();
        } else if !matches!(argument.as_str(), "install" | "i") && !argument.contains(':') {
            return true;
        }
    }
    false
}

fn go_packages<'a>(step: &'a Step<'_>) -> Vec<&'a str> {
    let go = |action: &'static [&str]| {
        step.script.commands.iter().filter(move |command| command.has(&["go"], action))
    };
    // What follows a package that is run are words for that package.
    let run: Vec<_> = go(&["run"]).flat_map(|command| command.words(&[]).into_iter().take(2)).collect();
    let run: Vec<_> = run.into_iter().filter(|word| *word != "run").collect();
    if !run.is_empty() {
        return run;
    }
    let got = go(&["install", "get"]).flat_map(|command| command.words(&[]));
    got.filter(|word| !matches!(*word, "install" | "get" | "tool")).collect()
}

/// Versions of yum and dnf: `name-1.2`, or a variable that the stage or an ARG defines.
fn unpinned_rpms(
    steps: &[Step<'_>],
    rule: &'static str,
    names: &[&str],
    others: &[&str],
    broken: &mut Broken,
) {
    let mut names_of_args = BTreeSet::new();
    let mut stages: Vec<(String, BTreeSet<String>)> = Vec::new();
    for step in steps {
        match step.instruction.keyword.as_str() {
            "FROM" => {
                let Some(base) = step.instruction.base_image() else { continue };
                let inherited = stages.iter().find(|(alias, _)| *alias == base.name);
                let variables = inherited.map(|(_, names)| names.clone()).unwrap_or_default();
                stages.push((base.alias.unwrap_or_default(), variables));
            }
            "ARG" => {
                names_of_args.extend(step.instruction.declared().into_iter().take(1).map(|(name, _)| name));
            }
            "ENV" => {
                // ENV before any FROM is a mistake, but a name it gives is known.
                if stages.is_empty() {
                    stages.push(Default::default());
                }
                if let Some((_, variables)) = stages.last_mut() {
                    variables.extend(step.instruction.pairs().into_iter().map(|(name, _)| name));
                }
            }
            "RUN" => {
                let is_defined = |package: &str| {
                    let in_stage = stages.last().into_iter().flat_map(|(_, names)| names);
                    in_stage.chain(&names_of_args).any(|name| package.contains(&format!("${{{name}}}")))
                };
                let package_is_pinned = |package: &str| {
                    let Some((_, version)) = package.split_once('-') else { return false };
                    package.ends_with(".rpm")
                        || if package.contains('$') { is_defined(package) } else { is_version(version) }
                };
                let bad = any(step, |command| {
                    if !command.has(names, &["install"]) {
                        return false;
                    }
                    let words = command.words(&[]);
                    let mut packages = words.iter().filter(|word| !matches!(**word, "install" | "module"));
                    if command.has(names, &["module"]) {
                        return packages.any(|package| !package.contains(':'));
                    }
                    !command.has(names, others) && packages.any(|package| !package_is_pinned(package))
                });
                if bad {
                    broken.insert((step.line(), rule));
                }
            }
            _ => {}
        }
    }
}

/// The parts after a name's first hyphen: letters, digits and signs of versions, and one part begins with a digit.
fn is_version(text: &str) -> bool {
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || ".~^_:+".contains(letter);
    text.split('-').all(|part| part.chars().all(is_fine))
        && text.split('-').any(|part| part.starts_with(|first: char| first.is_ascii_digit()))
}

const TRUTHS: [&str; 10] = ["1", "true", "True", "TRUE", "on", "On", "ON", "yes", "Yes", "YES"];

fn pip_cache(steps: &[Step<'_>], broken: &mut Broken) {
    const NAME: &str = "PIP_NO_CACHE_DIR";
    let mut stage = String::new();
    let mut is_off: BTreeMap<String, bool> = BTreeMap::new();
    for step in steps {
        match step.instruction.keyword.as_str() {
            "FROM" => {
                let Some(base) = step.instruction.base_image() else { continue };
                let inherited = is_off.get(&base.name).copied().unwrap_or(false);
                stage = base.alias.unwrap_or(base.name);
                is_off.insert(stage.clone(), inherited);
            }
            "ENV" => {
                let set = step.instruction.pairs().into_iter().find(|(name, _)| name == NAME);
                if set.is_some_and(|(_, value)| TRUTHS.contains(&value.as_str())) {
                    is_off.insert(stage.clone(), true);
                }
            }
            "RUN" => {
                let text = &step.script.text;
                let set = text.split_once(&format!("{NAME}=")).map_or("", |(_, value)| value);
                let is_off_here = TRUTHS.iter().any(|truth| set.starts_with(truth));
                let forgot = any(step, |command| {
                    command.is_pip_install() && !command.has_argument("--no-cache-dir") && !wraps_pip(command)
                });
                let excused = is_off_here
                    || is_off.get(&stage).is_some_and(|off| *off)
                    || step.has_mount_over(".cache/pip");
                if forgot && !excused {
                    broken.insert((step.line(), "DL3042"));
                }
            }
            _ => {}
        }
    }
}

fn wraps_pip(command: &Command) -> bool {
    ["pipx", "pipenv"].iter().any(|wrapper| {
        command.name.contains(wrapper)
            || (command.name.starts_with("python") && command.has_row(&["-m", wrapper]))
    })
}

/// What a RUN leaves behind matters in the last stage, and in a stage that another one is built from.
fn left_behind(steps: &[Step<'_>], rule: &'static str, leaves: fn(&Step<'_>) -> bool, broken: &mut Broken) {
    let mut current: Option<BaseImage> = None;
    let mut bases = BTreeSet::new();
    let mut left: Vec<(usize, Option<BaseImage>)> = Vec::new();
    for step in steps {
        if let Some(base) = step.instruction.base_image() {
            bases.insert(base.name.clone());
            current = Some(base);
        } else if step.is("RUN") && leaves(step) {
            left.push((step.line(), current.clone()));
        }
    }
    for (line, stage) in left {
        let alias = stage.as_ref().and_then(|stage| stage.alias.as_ref());
        if stage == current || alias.is_some_and(|alias| bases.contains(alias)) {
            broken.insert((line, rule));
        }
    }
}

fn leaves_apt_lists(step: &Step<'_>) -> bool {
    let updates = any(step, |command| command.has(&["apt", "apt-get", "aptitude"], &["update"]));
    let cleans = any(step, |command| command.has(&["rm"], &["-rf", "/var/lib/apt/lists/*"]));
    let mounted = step.has_mount_over("/var/lib/apt/lists")
        || (step.has_mount_over("/var/lib/apt") && step.has_mount_over("/var/cache/apt"));
    updates && !cleans && !mounted
}

fn leaves_yarn_cache(step: &Step<'_>) -> bool {
    let installs = |command: &Command| command.has(&["yarn"], &["install"]);
    let cleans = |command: &Command| command.has(&["yarn"], &["cache", "clean"]);
    match (step.script.position(installs), step.script.position(cleans)) {
        (None, _) => false,
        (Some(_), None) => !step.has_mount_over(".cache/yarn"),
        (Some(installed), Some(cleaned)) => cleaned < installed,
    }
}
