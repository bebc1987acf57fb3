//! FROM, and the stages that refer to each other.

use super::{Broken, Step};
use std::collections::BTreeSet;

pub fn check(steps: &[Step<'_>], broken: &mut Broken) {
    let mut aliases: BTreeSet<String> = BTreeSet::new();
    let mut stages = 0_usize;
    let mut current: Option<String> = None;
    for step in steps {
        let line = step.line();
        if let Some(base) = step.instruction.base_image() {
            let pinned = base.digest.is_some() || base.tag.is_some();
            if !pinned
                && base.name != "scratch"
                && !base.name.starts_with('$')
                && !aliases.contains(&base.name)
            {
                broken.insert((line, "DL3006"));
            }
            if base.digest.is_none() && base.tag.as_deref() == Some("latest") {
                broken.insert((line, "DL3007"));
            }
            if let Some(platform) = &base.platform {
                if !platform.contains("BUILDPLATFORM") && !platform.contains("TARGETPLATFORM") {
                    broken.insert((line, "DL3029"));
                }
                if matches!(platform.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
                    broken.insert((line, "DL3065"));
                }
            }
            if let Some(alias) = &base.alias {
                if !aliases.insert(alias.clone()) {
                    broken.insert((line, "DL3024"));
                }
                if matches!(alias.as_str(), "scratch" | "context") {
                    broken.insert((line, "DL3063"));
                }
            }
            stages += 1;
            current = base.alias;
        } else if stages == 0 && !step.is("ARG") {
            broken.insert((line, "DL3061"));
        }
        if let Some(from) = step.instruction.flag("from").filter(|_| step.is("COPY")) {
            let is_number = from.starts_with(|first: char| first.is_ascii_digit());
            let digits: String = from.chars().take_while(char::is_ascii_digit).collect();
            let is_earlier = is_number && digits.parse::<usize>().is_ok_and(|number| number < stages);
            if !from.contains(':') && !aliases.contains(from) && !is_earlier {
                broken.insert((line, "DL3022"));
            }
            if current.as_deref() == Some(from) {
                broken.insert((line, "DL3023"));
            }
        }
        if let Some(kept) = &step.instruction.trigger
            && matches!(kept.keyword.as_str(), "FROM" | "MAINTAINER")
        {
            broken.insert((line, "DL3043"));
        }
        if step.is("ONBUILD") && step.instruction.trigger.is_none() {
            let first = step.instruction.body.split_whitespace().next().unwrap_or_default();
            if first.eq_ignore_ascii_case("ONBUILD") {
                broken.insert((line, "DL3043"));
            }
        }
    }
}
