//! What is told of a write that was not made. Nothing of the request or the record is in it.

use fhir::outcome::IssueType;
use http::StatusCode;

use super::NotTaken;
use crate::enforce::merge::Unwritable;
use crate::enforce::patch::PatchFault;

/// `If-Match` names another version of the view.
pub(super) const fn version_moved() -> (StatusCode, IssueType, &'static str) {
    (
        StatusCode::PRECONDITION_FAILED,
        IssueType::Conflict,
        "If-Match is not the version that is shown now: read it again and make the change on that",
    )
}

/// What to do instead, as far as there is something. Depends on the view and on what was sent.
pub(super) const fn unwritable(why: &Unwritable) -> (StatusCode, IssueType, &'static str) {
    let text = match why {
        Unwritable::Shielded => {
            return (
                StatusCode::FORBIDDEN,
                IssueType::Forbidden,
                "the record of this person is changed by those who hold it only",
            );
        }
        Unwritable::Partly => {
            return (
                StatusCode::FORBIDDEN,
                IssueType::Forbidden,
                "not all of it is shared with this role: those who hold it delete it",
            );
        }
        Unwritable::Patch(PatchFault::Malformed) => {
            return (StatusCode::BAD_REQUEST, IssueType::Structure, "the patch is not one of RFC 6902");
        }
        Unwritable::Patch(PatchFault::NothingThere) => "a pointer of the patch names nothing that is shown",
        Unwritable::Patch(PatchFault::TestFailed) => "a test of the patch does not hold",
        Unwritable::Patch(PatchFault::TooMuch) => "the patch does too much: split it",
        Unwritable::Identity => "resourceType and id are those of the path: leave them as they are",
        Unwritable::Meta => "meta is not written through a share: leave it out, or as it was read",
        Unwritable::NotShown(_) => {
            "an element is not shared with this role in this form: send it as it would be shown, without ids and extensions, or leave it out"
        }
        Unwritable::ReadOnly(_) => "an element may be read and not written: leave it out, or as it was read",
        Unwritable::Required(_) => {
            "an element must not be missing: make it another instead of taking it away"
        }
        Unwritable::Labels => {
            "what was sent is of another sensitivity than what is shown: ask those who hold it to make this change"
        }
    };
    (StatusCode::UNPROCESSABLE_ENTITY, IssueType::BusinessRule, text)
}

/// The receiving system did not take it.
pub(super) const fn not_taken(why: NotTaken) -> (StatusCode, IssueType, &'static str) {
    match why {
        NotTaken::Invalid => (
            StatusCode::UNPROCESSABLE_ENTITY,
            IssueType::Processing,
            "the receiving system does not take this content",
        ),
        NotTaken::Conflict => (
            StatusCode::CONFLICT,
            IssueType::Conflict,
            "the receiving system holds this already, or another version of it",
        ),
        NotTaken::Unclear => (
            StatusCode::CONFLICT,
            IssueType::Conflict,
            "the system holds this; whether it was made now is not known: look for it before it is tried again",
        ),
        NotTaken::Several => {
            (StatusCode::PRECONDITION_FAILED, IssueType::MultipleMatches, "several match If-None-Exist")
        }
        NotTaken::NotSupported => (
            StatusCode::UNPROCESSABLE_ENTITY,
            IssueType::NotSupported,
            "the receiving system does not take such resources",
        ),
    }
}
