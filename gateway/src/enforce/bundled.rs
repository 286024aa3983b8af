//! The Bundles in what is judged as one: a Bundle, those that are its entries, and those that Parameters hold.

use fhir::json::Node;

/// Every Bundle in `root`, with `root` itself if it is one.
pub(in crate::enforce) fn bundles_in(root: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    // Most resources hold none.
    if !root
        .member("resourceType")
        .is_some_and(|name| name.is_string("Bundle") || name.is_string("Parameters"))
    {
        return found;
    }
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        let is = |name| node.member("resourceType").is_some_and(|found| found.is_string(name));
        if is("Bundle") {
            found.push(node);
            open.extend(node.walk(&["entry", "resource"]));
        } else if is("Parameters") {
            let mut parameters: Vec<Node<'_>> = node.walk(&["parameter"]).collect();
            while let Some(parameter) = parameters.pop() {
                open.extend(parameter.walk(&["resource"]));
                parameters.extend(parameter.walk(&["part"]));
            }
        }
    }
    found
}
