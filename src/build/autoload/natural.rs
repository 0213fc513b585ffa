//! PHP's natural order of strings, which Composer sorts packages of equal weight and version lists with.

use std::cmp::Ordering;

/// Compares as PHP's `strnatcmp`, or with `fold` as `strnatcasecmp`.
///
/// Follows PHP 8: leading zeros of the whole text are skipped, white space is skipped, runs of digits compare as
/// numbers unless one begins with `0`, then as fractions from the left.
#[must_use]
pub fn compare(a: &[u8], b: &[u8], fold: bool) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.len().cmp(&b.len());
    }
    let at = |text: &[u8], index: usize| text.get(index).copied();
    let digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
    let space = |byte: u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let skip_zeros = |text: &[u8]| {
        let mut index = 0;
        while at(text, index) == Some(b'0') && digit(at(text, index + 1)) {
            index += 1;
        }
        index
    };
    let (mut i, mut j) = (skip_zeros(a), skip_zeros(b));
    loop {
        while at(a, i).is_some_and(space) {
            i += 1;
        }
        while at(b, j).is_some_and(space) {
            j += 1;
        }
        if digit(at(a, i)) && digit(at(b, j)) {
            let fractional = at(a, i) == Some(b'0') || at(b, j) == Some(b'0');
            let order = if fractional { from_left(a, &mut i, b, &mut j) } else { as_number(a, &mut i, b, &mut j) };
            if order != Ordering::Equal {
                return order;
            }
            match (i >= a.len(), j >= b.len()) {
                (true, true) => return Ordering::Equal,
                (true, false) => return Ordering::Less,
                (false, true) => return Ordering::Greater,
                (false, false) => {}
            }
        }
        let (Some(mut x), Some(mut y)) = (at(a, i), at(b, j)) else {
            return (a.len() - i.min(a.len())).min(1).cmp(&(b.len() - j.min(b.len())).min(1));
        };
        if fold {
            x = x.to_ascii_uppercase();
            y = y.to_ascii_uppercase();
        }
        match x.cmp(&y) {
            Ordering::Equal => {}
            order => return order,
        }
        i += 1;
        j += 1;
    }
}

/// The longer run of digits is the greater number; of equal length, the first different digit decides.
fn as_number(a: &[u8], i: &mut usize, b: &[u8], j: &mut usize) -> Ordering {
    let mut bias = Ordering::Equal;
    loop {
        let x = a.get(*i).copied().filter(u8::is_ascii_digit);
        let y = b.get(*j).copied().filter(u8::is_ascii_digit);
        match (x, y) {
            (None, None) => return bias,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                if bias == Ordering::Equal {
                    bias = x.cmp(&y);
                }
            }
        }
        *i += 1;
        *j += 1;
    }
}

/// The first different digit decides, as behind a decimal point.
fn from_left(a: &[u8], i: &mut usize, b: &[u8], j: &mut usize) -> Ordering {
    loop {
        let x = a.get(*i).copied().filter(u8::is_ascii_digit);
        let y = b.get(*j).copied().filter(u8::is_ascii_digit);
        match (x, y) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x != y => return x.cmp(&y),
            _ => {}
        }
        *i += 1;
        *j += 1;
    }
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
