use super::*;

const A: &str = "aaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccc";

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), files);
    directory
}

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
}

fn read_files(files: &[(&str, &str)]) -> Result<Tokens, TokensError> {
    Tokens::read(directory(files).path())
}

/// Whose token it is, and their role; or the reason of the refusal.
fn of(tokens: &Tokens, token: &str, now_ms: i64) -> Result<(String, Role), &'static str> {
    match tokens.principal_at(token, now_ms) {
        Ok(principal) => Ok((principal.name.to_string(), principal.role)),
        Err(Denied::Invalid(refused)) => Err(refused.reason),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn each_token_tells_whose_it_is_and_no_other_text_does() {
    let files = [("admin", "aaaaaaaaaaaaaaaa\n"), ("seller.till-1", B), ("seller", C), ("..data", "x"), ("notes", "x")];
    let tokens = read_files(&files).unwrap();
    assert_eq!(of(&tokens, A, 0), Ok(("admin".into(), Role::Admin)));
    assert_eq!(of(&tokens, B, 0), Ok(("seller.till-1".into(), Role::Seller)));
    assert_eq!(of(&tokens, C, 0), Ok(("seller".into(), Role::Seller)));
    for other in ["", "a", "aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAA"] {
        assert_eq!(of(&tokens, other, 0), Err("unknown"), "{other}");
    }
}

#[test]
fn a_token_and_its_successor_are_good_side_by_side_until_the_old_one_ends() {
    let text = format!("# until the tills are told\n{A} expires=1970-01-01T00:00:10Z\n\n{B}\n");
    let tokens = read_files(&[("seller.till-1", &text)]).unwrap();
    let till = || Ok(("seller.till-1".to_owned(), Role::Seller));
    for (now_ms, old) in [(0, till()), (9_999, till()), (10_000, Err("expired")), (i64::MAX, Err("expired"))] {
        assert_eq!(of(&tokens, A, now_ms), old, "{now_ms}");
        assert_eq!(of(&tokens, B, now_ms), till(), "{now_ms}");
    }
}

#[test]
fn tokens_that_are_missing_weak_or_shared_end_the_start() {
    assert!(matches!(read_files(&[]), Err(TokensError::None(_))));
    assert!(matches!(read_files(&[("root", A)]), Err(TokensError::None(_))));
    assert!(matches!(read_files(&[("admin", "# none\n")]), Err(TokensError::None(_))));
    for weak in ["short", "aaaaaaaaaaaaaaaé"] {
        assert!(matches!(read_files(&[("admin", weak)]), Err(TokensError::Form { line: 1, .. })), "{weak}");
    }
    let spaced = format!("{B}\naaaaaaaaaaaaaaaa a");
    assert!(matches!(read_files(&[("admin", &spaced)]), Err(TokensError::Line { line: 2, .. })));
    for shared in [[("admin", A), ("supplier", A)], [("seller", A), ("seller.ana", A)]] {
        let Err(TokensError::Same(first, second)) = read_files(&shared) else { panic!("{shared:?}") };
        assert_eq!([first.as_str(), second.as_str()], shared.map(|(name, _)| name));
    }
    let twice = format!("{A}\n{A}\n");
    assert!(matches!(read_files(&[("admin", &twice)]), Err(TokensError::Same(..))));
    for name in ["seller.", "seller.a b", "seller.é"] {
        assert!(matches!(read_files(&[(name, A)]), Err(TokensError::Name(_))), "{name}");
    }
}

#[test]
fn there_is_a_bound_on_tokens_and_on_the_bytes_of_a_file() {
    let many = |count: usize| (0..count).map(|at| format!("token-of-number-{at}\n")).collect::<String>();
    assert!(read_files(&[("seller", &many(MOST))]).is_ok());
    assert!(matches!(read_files(&[("seller", &many(MOST)), ("supplier", A)]), Err(TokensError::TooMany(_))));
    let long = "#".repeat(usize::try_from(FILE_MAX).unwrap() + 1);
    assert!(matches!(read_files(&[("seller", &long)]), Err(TokensError::TooLong(_))));
}

#[tokio::test(start_paused = true)]
async fn tokens_are_read_again_and_a_directory_that_cannot_be_used_changes_nothing() {
    let files = directory(&[("seller", A)]);
    let tokens = Arc::new(Tokens::read(files.path()).unwrap());
    let stale = IntGauge::new("stale", "-").unwrap();
    let keeping = {
        let (tokens, stale) = (Arc::clone(&tokens), stale.clone());
        tokio::spawn(async move { tokens.keep(&stale).await })
    };
    let becomes = async |what: &str, is_so: &dyn Fn() -> bool| {
        let wait = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(2 * LOOKS, wait).await.unwrap_or_else(|_| panic!("{what}"));
    };
    let is = |token: &'static str, good: bool| {
        let tokens = Arc::clone(&tokens);
        move || of(&tokens, token, 0).is_ok() == good
    };
    write(files.path(), &[("seller", &format!("{A}\n{B}\n")), ("payment.card", C)]);
    becomes("the new tokens are good", &|| is(B, true)() && is(C, true)() && is(A, true)()).await;
    write(files.path(), &[("seller", "short")]);
    becomes("it is told", &|| stale.get() == 1).await;
    assert!(is(A, true)() && is(B, true)() && is(C, true)(), "a bad file takes nothing away");
    write(files.path(), &[("seller", B)]);
    becomes("what is gone is good no more", &is(A, false)).await;
    assert!(is(B, true)() && stale.get() == 0);
    keeping.abort();
}
