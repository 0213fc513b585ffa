//! PHP's natural order of strings, which Composer sorts packages of equal weight and version lists with.

use std::cmp::Ordering;

/// Compares as PHP's `strnatcmp`, or with `fold` as `strnatcasecmp`.
///
/// Follows PHP 8: leading zeros of the whole text and white space are skipped, runs of digits compare as numbers unless one begins
/// with `0`, then as fractions from the left.
#[must_use]
pub fn compare(left: &[u8], right: &[u8], fold: bool) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return left.len().cmp(&right.len());
    }
    let (mut left, mut right) = (without_zeros(left), without_zeros(right));
    loop {
        left = without_space(left);
        right = without_space(right);
        let (mine, yours) = (first(left), first(right));
        if mine.is_ascii_digit() && yours.is_ascii_digit() {
            let digits = (run(left), run(right));
            let order = if mine == b'0' || yours == b'0' { fractions(digits) } else { numbers(digits) };
            if order != Ordering::Equal {
                return order;
            }
            // Of equal runs both are equally long.
            left = &left[digits.0.len()..];
            right = &right[digits.1.len()..];
            if left.is_empty() || right.is_empty() {
                return left.len().min(1).cmp(&right.len().min(1));
            }
        }
        let shown = |byte: u8| if fold { byte.to_ascii_uppercase() } else { byte };
        match shown(first(left)).cmp(&shown(first(right))) {
            Ordering::Equal => {}
            order => return order,
        }
        left = left.get(1..).unwrap_or_default();
        right = right.get(1..).unwrap_or_default();
        if left.is_empty() || right.is_empty() {
            return left.len().min(1).cmp(&right.len().min(1));
        }
    }
}

/// The first byte; behind the end there is PHP's NUL.
fn first(text: &[u8]) -> u8 {
    text.first().copied().unwrap_or_default()
}

/// The text without the leading zeros of a number; only those at the very beginning are skipped.
fn without_zeros(mut text: &[u8]) -> &[u8] {
    while let [b'0', next, ..] = text
        && next.is_ascii_digit()
    {
        text = &text[1..];
    }
    text
}

/// The text without leading white space.
fn without_space(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t'..=b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The leading run of digits.
fn run(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| byte.is_ascii_digit()).count()]
}

/// The longer number is the greater one.
fn numbers((left, right): (&[u8], &[u8])) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// The first different digit decides, as behind a decimal point.
fn fractions((left, right): (&[u8], &[u8])) -> Ordering {
    left.cmp(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count() {
        let case = |a: &str, b: &str| compare(a.as_bytes(), b.as_bytes(), true);
        assert_eq!(case("a/b2", "a/b10"), Ordering::Less);
        assert_eq!(case("a/B", "a/b"), Ordering::Equal);
        assert_eq!(case("a/b", "a/b-c"), Ordering::Less);
        assert_eq!(case("1.010", "1.001"), Ordering::Greater);
        assert_eq!(case("2.x-dev", "10.x-dev"), Ordering::Less);
        assert_eq!(case("a", ""), Ordering::Greater);
        assert_eq!(case("x 1", "x1"), Ordering::Equal);
    }
}
