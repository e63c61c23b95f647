use crate::digest::settings::SeverityRules;
use crate::digest::testkit::check_with;
use crate::digest::testkit::settings;

#[test]
fn words_decide_then_the_prefix() {
    let log = "Feb 12 14:10:21 h app[1]: Segmentation Fault in x\n\
               Feb 12 14:10:21 h app[1]: permission DENIED\n\
               <10>Feb 12 14:10:21 h app[1]: nothing to read here\n\
               <12>Feb 12 14:10:21 h app[1]: nothing to read here\n\
               no prefix at all\n";
    check_with("generic", &settings(), log, "critical 2 warning 2 info 1");
}

#[test]
fn a_directives_own_levels_are_reported_in_order() {
    let mut settings = settings();
    settings.severity_rules = SeverityRules(vec![
        ("Fire".to_owned(), vec!["burns".to_owned()]),
        ("INFO".to_owned(), Vec::new()),
        ("smoke".to_owned(), vec!["smells".to_owned()]),
    ]);
    check_with(
        "campfire",
        &settings,
        "it burns\nit smells\nx\n",
        "fire 1 info 1 smoke 1",
    );
}
