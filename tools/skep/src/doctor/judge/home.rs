//! The home and who may read it.

use super::super::{
    Finding,
    facts::{Facts, Guarded, Home},
};

/// Others.
const OTHERS: u32 = 0o007;
/// Others and the group.
const NOT_THE_OWNER: u32 = 0o077;

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(folder) = facts.home.folder else {
        let what = format!("there is none at {}", facts.home.path.display());
        let cure = "start a node with `skep up`, or name its home with --home DIR";
        return vec![Finding::failure("home", what, cure)];
    };
    vec![
        folder_finding(&facts.home, folder, facts.uid),
        keys(&facts.home, folder),
    ]
}

fn folder_finding(home: &Home, folder: Guarded, uid: u32) -> Finding {
    let path = home.path.display();
    let mode = folder.mode;
    if mode & OTHERS != 0 {
        let what = format!("others may look into {path} (mode {mode:04o}): no node starts in it");
        return Finding::failure("home", what, format!("`chmod 700 {path}`"));
    }
    if folder.uid != uid {
        let what = format!(
            "{path} belongs to the user {}, and the user {uid} looks: what stands below is judged \
             for the latter",
            folder.uid
        );
        return Finding::warning("home", what, "run this as the user that runs the node");
    }
    Finding::ok("home", format!("{path}, mode {mode:04o}"))
}

fn keys(home: &Home, folder: Guarded) -> Finding {
    if home.secrets.is_empty() {
        return Finding::skipped("keys", "none were made yet");
    }
    let path = |name: &str| home.path.join(name).display().to_string();
    let open = home.secrets.iter();
    let open = open.filter(|(_, file)| file.mode & NOT_THE_OWNER != 0);
    let open: Vec<String> = open.map(|(name, _)| path(name)).collect();
    if !open.is_empty() {
        let what = format!("not for the owner's eyes alone: {}", open.join(", "));
        let cure = format!(
            "`chmod 600 {}`; who read them may act as this node",
            open.join(" ")
        );
        return Finding::failure("keys", what, cure);
    }
    let strange = home.secrets.iter();
    let strange = strange.filter(|(_, file)| file.uid != folder.uid);
    let strange: Vec<String> = strange.map(|(name, _)| path(name)).collect();
    if !strange.is_empty() {
        let what = format!("not of the home's owner: {}", strange.join(", "));
        let cure = format!("`chown {} {}`", folder.uid, strange.join(" "));
        return Finding::failure("keys", what, cure);
    }
    let names: Vec<&str> = home.secrets.iter().map(|(name, _)| *name).collect();
    Finding::ok("keys", format!("for the owner alone: {}", names.join(", ")))
}
