//! JSON Lines: what was written is read again, and what was damaged is refused with its line.

use std::io::{BufReader, Read};

use entrant::{ErrorKind, Plan};

use super::sample;

fn lines(plan: &Plan) -> String {
    let mut text = Vec::new();
    plan.write_json_lines(&mut text).expect("a vector takes everything");
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[test]
fn a_plan_comes_back_as_it_was() {
    for plan in [sample::everything(), sample::plan(&sample::header(), Vec::new())] {
        let text = lines(&plan);
        assert_eq!(text.lines().count(), plan.entries().len() + 2);
        let again = Plan::read_json_lines(text.as_bytes()).expect("it is whole");
        assert_eq!(again, plan);
        assert_eq!(
            Plan::from_json(&again.to_json()).expect("it is whole").digest(),
            plan.digest(),
            "as in the other form"
        );
        // Also where something between turned the line ends, or took the last one away.
        assert!(Plan::read_json_lines(text.replace('\n', "\r\n").as_bytes()).is_ok());
        assert!(Plan::read_json_lines(text.trim_end().as_bytes()).is_ok());
    }
}

#[test]
fn fifty_thousand_entries_go_through() {
    let plan = sample::big(50_000);
    let text = lines(&plan);
    // A reader that gives a little at a time.
    let again = Plan::read_json_lines(BufReader::with_capacity(100, text.as_bytes())).expect("it is whole");
    assert_eq!(again.digest(), plan.digest());
    assert_eq!(again, plan);
}

#[test]
fn what_is_damaged_is_refused_with_its_line() {
    let text = lines(&sample::everything());
    let all: Vec<&str> = text.lines().collect();
    let last = all.len();
    let with = |lines: Vec<&str>| lines.join("\n") + "\n";
    let but = |left_out: usize| {
        with(all.iter().enumerate().filter(|(index, _)| index + 1 != left_out).map(|(_, line)| *line).collect())
    };
    let instead = |number: usize, line: &str| {
        let mut lines = all.clone();
        lines[number - 1] = line;
        with(lines)
    };
    let swapped = |left: usize, right: usize| {
        let mut lines = all.clone();
        lines.swap(left - 1, right - 1);
        with(lines)
    };
    let another_count = all[last - 1].replace(&format!("\"entries\":{}", last - 2), "\"entries\":1");
    assert_ne!(another_count, all[last - 1]);
    #[rustfmt::skip]
    let table = [
        (String::new(), ErrorKind::Invalid, "there is nothing to read", 1),
        ("\n".to_owned(), ErrorKind::Invalid, "this is no plan", 1),
        (sample::everything().to_json(), ErrorKind::Invalid, "this is no plan", 1),
        (but(1), ErrorKind::Invalid, "this is no plan", 1),
        (instead(1, &all[0].replace("\"format\":1", "\"format\":2")), ErrorKind::Invalid, "written by another version", 1),
        (instead(1, "{\"plan\":{\"format\":7,\"novelty\":true}}"), ErrorKind::Invalid, "written by another version", 1),
        (instead(1, &all[0].replace("\"format\":1", "\"format\":\"1\"")), ErrorKind::Invalid, "this is no plan", 1),
        (but(last), ErrorKind::Invalid, "the plan was cut off", last - 1),
        (text[..text.len() - 30].to_owned(), ErrorKind::Invalid, "this line is damaged", last),
        (text[..text.find("\"Grace").expect("she is in it")].to_owned(), ErrorKind::Invalid, "this line is damaged", 8),
        (but(4), ErrorKind::Invalid, "entries are missing", last - 1),
        (instead(4, ""), ErrorKind::Invalid, "this line is damaged", 4),
        (instead(4, "{}"), ErrorKind::Invalid, "this line is damaged", 4),
        (instead(4, "{\"entry\":{}}"), ErrorKind::Invalid, "this line is damaged", 4),
        (instead(4, "{\"novelty\":{}}"), ErrorKind::Invalid, "this line is damaged", 4),
        (instead(4, &"[".repeat(100_000)), ErrorKind::Invalid, "this line is damaged", 4),
        (instead(4, "\u{0}\u{7f}"), ErrorKind::Invalid, "this line is damaged", 4),
        (instead(4, all[0]), ErrorKind::Invalid, "another plan begins here", 4),
        (instead(4, all[2]), ErrorKind::Invalid, "the same key as the one before", 4),
        (swapped(3, 4), ErrorKind::Invalid, "out of order", 4),
        (instead(last, &another_count), ErrorKind::Invalid, "entries are missing, or too many", last),
        (format!("{text}\n"), ErrorKind::Invalid, "goes on after its end", last + 1),
        (format!("{text}{text}"), ErrorKind::Invalid, "goes on after its end", last + 1),
        (text.replace("Lovelace", "Loveless"), ErrorKind::Stale, "changed after it was made", last),
        (text.replace("\"job\":\"staff\"", "\"job\":\"stuff\""), ErrorKind::Stale, "changed after it was made", last),
    ];
    for (text, kind, message, line) in table {
        let error = Plan::read_json_lines(text.as_bytes()).expect_err(message);
        let shown = error.to_string();
        assert_eq!(error.kind(), kind, "{shown}");
        assert!(
            shown.contains(message) && shown.contains(&format!("line={line})"))
                || shown.contains(&format!("line={line},")),
            "{message} at {line}: {shown}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let mut text = lines(&sample::everything()).into_bytes();
    let place = text.windows(8).position(|bytes| bytes == b"Lovelace").expect("she is in it");
    text[place] = 0xff;
    let error = Plan::read_json_lines(text.as_slice()).expect_err("it is no UTF-8");
    assert!(error.to_string().contains("this line is damaged"), "{error}");
}

#[test]
fn a_line_without_end_takes_no_memory_without_end() {
    let endless = BufReader::new(std::io::repeat(b' ').chain(std::io::empty()));
    let error = Plan::read_json_lines(endless).expect_err("it has no end");
    assert!(error.to_string().contains("longer than a line of a plan may be"), "{error}");
}

#[test]
fn a_failing_reader_and_writer_are_told() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    impl std::io::Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = Plan::read_json_lines(BufReader::new(Failing)).expect_err("it fails");
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("line=1"), "{error}");
    assert_eq!(sample::everything().write_json_lines(Failing).expect_err("it fails").kind(), ErrorKind::Store);
}

#[test]
fn a_plan_that_could_not_be_read_again_is_not_written() {
    let mut json = serde_json::to_value(sample::everything()).expect("a plan is JSON");
    json["entries"].as_array_mut().expect("entries").swap(2, 3);
    let plan: Plan = serde_json::from_value(json).expect("it still is a plan");
    let error = plan.write_json_lines(Vec::new()).expect_err("it is out of order");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}
