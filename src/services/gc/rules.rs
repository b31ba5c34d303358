//! What is litter: pure functions of what the store holds and what the database knows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::domain::UploadId;
use crate::domain::upload::UploadState;
use crate::repositories::tidying::Fate;
use crate::storage::{Held, Holding};

/// Of so many things of one page that no row tells of, and more than half of the page, something other than litter is the
/// cause.
const SUSPICIOUS: usize = 20;

/// Between which times a thing must have come for anybody to judge it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    /// When the database was made. What is older belongs to somebody else.
    pub(super) founded: DateTime<Utc>,
    /// What is younger may be in the hands of somebody who has not told the database yet.
    pub(super) settled: DateTime<Utc>,
}

impl Ages {
    /// Whose the thing is, if it may be judged at all.
    pub(super) fn subject(&self, holding: &Holding) -> Option<UploadId> {
        holding.upload.filter(|_| (self.founded..=self.settled).contains(&holding.since))
    }

    /// Whether the thing is none of ours.
    pub(super) fn is_foreign(&self, holding: &Holding) -> bool {
        holding.upload.is_none() || holding.since < self.founded
    }
}

/// Whether nothing needs the thing any more. `expired_by` is the time by which an open upload counts as given up.
pub(super) fn is_litter(held: &Held, fate: Option<&Fate>, expired_by: Option<DateTime<Utc>>) -> bool {
    let Some(fate) = fate else { return true };
    match fate.state {
        UploadState::Aborted => true,
        UploadState::Open if expired_by.is_some_and(|time| fate.expires_at <= time) => true,
        // Another gathering than the one that won when two were begun at once.
        UploadState::Open => match held {
            Held::Gathering { storage_upload_id, .. } => {
                fate.storage_upload_id.as_ref().is_some_and(|ours| ours != storage_upload_id)
            }
            Held::Object(_) | Held::Staging(_) => false,
        },
        // Its job needs them, or the next one when somebody tries the file again.
        UploadState::Completing => false,
        UploadState::Completed => match (held, &fate.object) {
            (Held::Object(location), Some(object)) => location != object,
            (_, object) => object.is_some(),
        },
    }
}

/// Whether so much of a page has no rows that this is more likely the store of another database, or an old copy of this
/// one, than litter. The names of a page are random, so that it stands for all.
pub(super) fn is_suspicious(subjects: &[UploadId], fates: &HashMap<UploadId, Fate>) -> bool {
    let unknown = subjects.iter().filter(|id| !fates.contains_key(id)).count();
    unknown >= SUSPICIOUS && unknown * 2 > subjects.len()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::{ObjectLocation, Visibility};

    fn fate(state: UploadState) -> Fate {
        let expires_at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(1);
        Fate { state, storage_upload_id: Some("ours".into()), expires_at, object: None }
    }

    fn gathering(name: &str) -> Held {
        let target = ObjectLocation::of_staging(UploadId::random());
        Held::Gathering { target, storage_upload_id: name.into() }
    }

    #[test]
    fn an_open_upload_keeps_all_but_the_gathering_that_lost() {
        let open = fate(UploadState::Open);
        assert!(!is_litter(&Held::Staging(String::new()), Some(&open), None));
        assert!(!is_litter(&gathering("ours"), Some(&open), None));
        assert!(is_litter(&gathering("theirs"), Some(&open), None));
        let unnamed = Fate { storage_upload_id: None, ..open };
        assert!(!is_litter(&gathering("theirs"), Some(&unnamed), None));
    }

    #[test]
    fn an_open_upload_whose_time_is_over_is_litter_only_where_that_is_asked() {
        let open = fate(UploadState::Open);
        let staged = Held::Staging(String::new());
        assert!(is_litter(&staged, Some(&open), Some(open.expires_at)));
        assert!(!is_litter(&staged, Some(&open), Some(open.expires_at - TimeDelta::seconds(1))));
    }

    #[test]
    fn a_completed_upload_keeps_its_object_and_nothing_else() {
        let upload = UploadId::random();
        let object = ObjectLocation { bucket: Visibility::Public, key: format!("{upload}.jpg") };
        let done = Fate { object: Some(object.clone()), ..fate(UploadState::Completed) };
        assert!(!is_litter(&Held::Object(object), Some(&done), None));
        assert!(is_litter(&Held::Object(ObjectLocation::of_staging(upload)), Some(&done), None));
        assert!(is_litter(&gathering("ours"), Some(&done), None));
        let without_file = fate(UploadState::Completed);
        assert!(!is_litter(&gathering("ours"), Some(&without_file), None));
    }

    #[test]
    fn what_is_being_made_stays_and_what_was_given_up_goes() {
        for (state, gone) in [(UploadState::Completing, false), (UploadState::Aborted, true)] {
            assert_eq!(is_litter(&gathering("ours"), Some(&fate(state)), None), gone);
        }
        assert!(is_litter(&gathering("ours"), None, None));
    }

    #[test]
    fn a_page_without_rows_is_suspicious_and_some_litter_is_not() {
        let ids: Vec<UploadId> = (0..100).map(|_| UploadId::random()).collect();
        let known = |count: usize| ids[..count].iter().map(|id| (*id, fate(UploadState::Completed))).collect();
        assert!(is_suspicious(&ids, &known(0)));
        assert!(is_suspicious(&ids, &known(49)));
        assert!(!is_suspicious(&ids, &known(50)));
        assert!(!is_suspicious(&ids[..19], &known(0)));
    }
}
