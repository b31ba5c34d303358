//! Who may call which route: the one list. What is under the API's path and not in it, nobody may but those who may make
//! keys; a test compares it with the API's description.

use axum::http::Method;

use super::BASE_PATH;
use crate::domain::Caller;
use crate::domain::access::Scope;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Everyone; what a request shows is not looked at.
    Open,
    /// Who has this scope.
    Needs(Scope),
    /// Who may write files, or has an upload token.
    Upload,
    /// The same, and who has a link for the chunk.
    Chunk,
    /// Who may read files, or has the upload token by which the file came.
    Follow,
    /// Who has a key, or another credential that is not for one thing alone.
    Known,
    /// Who may read files; beyond that, everyone where the file is public, and who has a link to it.
    Download,
}

use Rule::{Chunk, Download, Follow, Known, Needs, Open, Upload};

/// Method, path below the API's own, and rule.
const RULES: &[(&str, &str, Rule)] = &[
    ("POST", "/file/upload/init", Upload),
    ("POST", "/file/upload/chunk", Upload),
    ("POST", "/file/upload/complete", Upload),
    ("POST", "/file/upload/retry", Needs(Scope::FilesWrite)),
    ("POST", "/file/upload/token", Needs(Scope::FilesWrite)),
    ("GET", "/file/upload/{upload_id}", Upload),
    ("DELETE", "/file/upload/{upload_id}", Upload),
    ("PUT", "/file/upload/{upload_id}/chunk/{index}", Chunk),
    ("POST", "/file/upload/{upload_id}/urls", Upload),
    ("GET", "/file/get/{file_id}", Follow),
    ("GET", "/file/status/{file_id}", Follow),
    ("GET", "/file/events/{file_id}", Follow),
    ("GET", "/file/all", Needs(Scope::FilesRead)),
    ("GET", "/file/appointment/{appointment_id}", Needs(Scope::FilesRead)),
    ("GET", "/file/download/{file_id}", Download),
    ("DELETE", "/file/{file_id}", Needs(Scope::FilesDelete)),
    ("GET", "/users", Needs(Scope::Users)),
    ("POST", "/users", Needs(Scope::Users)),
    ("DELETE", "/users/{user_id}", Needs(Scope::Users)),
    ("GET", "/appointments", Needs(Scope::Users)),
    ("POST", "/appointments", Needs(Scope::Users)),
    ("DELETE", "/appointments/{appointment_id}", Needs(Scope::Users)),
    ("GET", "/usage", Known),
    ("GET", "/keys", Needs(Scope::Admin)),
    ("POST", "/keys", Needs(Scope::Admin)),
    ("DELETE", "/keys/{key_id}", Needs(Scope::Admin)),
];

/// The rule of a route, by its whole path as it was declared.
pub(super) fn of(method: &Method, path: &str) -> Rule {
    if path == "/metrics" {
        return Needs(Scope::Metrics);
    }
    let Some(path) = path.strip_prefix(BASE_PATH) else { return Open };
    // Whoever may GET may HEAD (RFC 9110 section 9.3.2).
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let mut there = RULES.iter().filter(|(_, at, _)| *at == path).peekable();
    // Whoever is known may hear that a method is wrong.
    let other = if there.peek().is_some() { Known } else { Needs(Scope::Admin) };
    there.find(|(of, ..)| *of == method).map_or(other, |(_, _, rule)| *rule)
}

impl Rule {
    /// Whether the caller may come in.
    pub(super) fn admits(self, caller: &Caller) -> bool {
        let may = |scope| caller.scopes.contain(scope);
        match self {
            Open => true,
            Needs(scope) => may(scope),
            Known => !caller.is_stranger() && caller.grant.is_none(),
            Upload => may(Scope::FilesWrite) || caller.grant.is_some(),
            Chunk => Upload.admits(caller) || caller.is_stranger(),
            Follow => may(Scope::FilesRead) || caller.grant.is_some(),
            Download => may(Scope::FilesRead) || caller.is_stranger(),
        }
    }

    /// The scope that lets a key in, if there is one.
    pub(super) fn scope(self) -> Option<Scope> {
        match self {
            Open | Known => None,
            Needs(scope) => Some(scope),
            Upload | Chunk => Some(Scope::FilesWrite),
            Follow | Download => Some(Scope::FilesRead),
        }
    }

    /// Whether a link is enough.
    pub(super) fn takes_links(self) -> bool {
        matches!(self, Chunk | Download)
    }

    /// Whether someone may come in who shows no more than this query, in which the signature of a link may be. What is
    /// public, and whether a link is good, is not for the rule to say.
    pub(super) fn takes_strangers(self, query: &str) -> bool {
        self == Download
            || self.takes_links() && form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "signature")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::described;

    #[test]
    fn every_route_has_a_rule_and_every_rule_a_route() {
        let described = described().1;
        let mut routes = Vec::new();
        for (path, item) in &described.paths.paths {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("DELETE", &item.delete),
                ("PATCH", &item.patch),
            ];
            let there = methods.into_iter().filter(|(_, operation)| operation.is_some());
            routes.extend(there.filter_map(|(method, _)| Some((method, path.strip_prefix(BASE_PATH)?))));
        }
        let mut ruled: Vec<_> = RULES.iter().map(|(method, path, _)| (*method, *path)).collect();
        routes.sort_unstable();
        ruled.sort_unstable();
        assert_eq!(routes, ruled);
    }

    #[test]
    fn what_has_no_rule_is_closed() {
        assert_eq!(of(&Method::PATCH, "/api/v1/users"), Known);
        assert_eq!(of(&Method::GET, "/api/v1/new"), Needs(Scope::Admin));
        assert_eq!(of(&Method::HEAD, "/api/v1/users"), Needs(Scope::Users));
        assert_eq!(of(&Method::GET, "/health/live"), Open);
    }
}
