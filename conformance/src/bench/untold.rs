//! A path as reports tell it.

/// `Patient/[id]/_history?_count`: types, operations and names of parameters are the specification's; all else could name a record.
pub(super) fn untold(path: &str) -> String {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let spoken = |part: &str| {
        let known = part.is_empty()
            || part == "metadata"
            || part.starts_with(['_', '$', '.'])
            || (part.starts_with(|first: char| first.is_ascii_uppercase())
                && part.chars().all(|c| c.is_ascii_alphabetic()));
        if known { part.to_owned() } else { "[id]".to_owned() }
    };
    let parts: Vec<String> = path.split('/').map(spoken).collect();
    let named = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        let fitting = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        if name.chars().all(fitting) { name.to_owned() } else { "…".to_owned() }
    };
    match query {
        Some(query) => {
            let names: Vec<String> = query.split('&').map(named).collect();
            format!("{}?{}", parts.join("/"), names.join("&"))
        }
        None => parts.join("/"),
    }
}
