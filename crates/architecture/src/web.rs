//! The layers of the dashboard: `app` → `features` → `components` and `api`. A feature does not
//! import a feature.

use crate::source::{File, files};
use anyhow::Result;
use regex::Regex;

/// The folders of web/src, and which others each may import. Every folder may import itself and
/// `styles`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main.tsx", &["app"]),
    ("app", &["features", "components", "api"]),
    ("features", &["components", "api"]),
    ("components", &["api"]),
    ("api", &[]),
    ("styles", &[]),
];

fn broken_rules(files: &[File]) -> Result<Vec<String>> {
    let import = Regex::new(r#"(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]"#)?;
    let mut broken = Vec::new();
    let is_test = |path: &str| path.contains(".test.") || path.starts_with("web/src/test/");
    for file in files.iter().filter(|file| !is_test(&file.path)) {
        let own: Vec<&str> = file.path.split('/').skip(2).collect();
        for found in import.captures_iter(&file.text) {
            let Some(target) = resolved(&own, &found[1]) else { continue };
            if !may_import(&own, &target) {
                broken.push(format!("{} imports {}", file.path, &found[1]));
            }
        }
    }
    Ok(broken)
}

/// A path from web/src; none for a package.
fn resolved(own: &[&str], import: &str) -> Option<Vec<String>> {
    let (mut path, rest): (Vec<String>, _) = match import.strip_prefix("@/") {
        Some(rest) => (Vec::new(), rest),
        None if import.starts_with('.') => {
            (own[..own.len() - 1].iter().map(|part| (*part).to_owned()).collect(), import)
        }
        None => return None,
    };
    for part in rest.split('/') {
        match part {
            "." => {}
            ".." => drop(path.pop()),
            part => path.push(part.to_owned()),
        }
    }
    Some(path)
}

fn may_import(own: &[&str], target: &[String]) -> bool {
    let (Some(from), Some(to)) = (own.first(), target.first()) else { return false };
    if from == to {
        // features/issues and features/sources know nothing of each other.
        return *from != "features" || own.get(1).copied() == target.get(1).map(String::as_str);
    }
    let allowed =
        MAY_IMPORT.iter().find(|(folder, _)| folder == from).map_or(&[][..], |(_, allowed)| allowed);
    to == "styles" || allowed.contains(&to.as_str())
}

#[test]
fn each_layer_of_the_dashboard_imports_only_the_layers_below_it() -> Result<()> {
    let broken = broken_rules(&files("web/src", &[".ts", ".tsx"])?)?;
    assert!(broken.is_empty(), "move what both need into components or api:\n{}", broken.join("\n"));
    Ok(())
}

#[test]
fn an_import_upwards_or_of_another_feature_is_found() -> Result<()> {
    for (path, import, is_allowed) in [
        ("app/routes.tsx", "import { IssuesPage } from '@/features/issues/IssuesPage'", true),
        ("features/issues/Page.tsx", "import { get } from '../../api/client'", true),
        ("features/issues/Page.tsx", "import './issues.css'", true),
        ("features/issues/Page.tsx", "import { useState } from 'react'", true),
        ("features/issues/Page.tsx", "import type { S } from '@/features/sources/SourcesPage'", false),
        ("features/issues/Page.tsx", "import { S } from '../sources/SourcesPage'", false),
        ("components/Button.tsx", "const Page = lazy(() => import('../features/issues/Page'))", false),
        ("api/client.ts", "export { Button } from '@/components/Button'", false),
        ("features/issues/Page.tsx", "import { routes } from '@/app/routes'", false),
        ("features/issues/Page.tsx", "import { server } from '@/test/server'", false),
    ] {
        let file = File { path: format!("web/src/{path}"), text: import.to_owned() };
        assert_eq!(broken_rules(&[file])?.is_empty(), is_allowed, "{path}: {import}");
    }
    Ok(())
}
