//! Composer's `PackageSorter`: dependencies before dependents, by weight.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::natural;

/// What the sorter looks at in a package.
pub trait Weighed {
    /// The package's name.
    fn name(&self) -> &str;
    /// The names it requires.
    fn targets(&self) -> impl Iterator<Item = &str>;
}

/// Sorts packages as Composer does for `files` (dependencies first); PSR directories use the reverse.
///
/// A package weighs −Σ (1 − weight of user) over the packages *of this list* that require it by its literal name;
/// light ones come first, equal ones in natural order of names. A package that is being weighed counts 0 and
/// partial weights stay, so with circular requirements the result depends on the order of the input, as Composer's
/// does: pass packages ordered by name, which is the order of `installed.json`.
#[must_use]
pub fn sorted<'p, P: Weighed>(packages: &[&'p P]) -> Vec<&'p P> {
    let mut index_of: HashMap<&str, usize> = HashMap::with_capacity(packages.len());
    for (index, package) in packages.iter().enumerate() {
        index_of.insert(package.name(), index);
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); packages.len()];
    for (user, package) in packages.iter().enumerate() {
        for target in package.targets() {
            if let Some(&used) = index_of.get(target) {
                users[used].push(user);
            }
        }
    }
    let weights = weigh(&users);
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by(|&a, &b| {
        weights[a]
            .compare(weights[b])
            .then_with(|| natural::compare(packages[a].name().as_bytes(), packages[b].name().as_bytes(), true))
    });
    order.into_iter().map(|index| packages[index]).collect()
}

/// PHP's number: an integer, which becomes a float where it would overflow (dense graphs weigh 3¹⁵⁰ and more).
#[derive(Debug, Clone, Copy)]
enum Weight {
    Int(i64),
    Float(f64),
}

impl Weight {
    /// `self - (1 - other)`.
    fn less(self, other: Self) -> Self {
        if let (Self::Int(a), Self::Int(b)) = (self, other)
            && let Some(result) = 1i64.checked_sub(b).and_then(|c| a.checked_sub(c))
        {
            return Self::Int(result);
        }
        Self::Float(self.float() - (1.0 - other.float()))
    }

    #[expect(clippy::cast_precision_loss, reason = "PHP converts in the same way")]
    fn float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            _ => self.float().total_cmp(&other.float()),
        }
    }
}

/// Weighs every package, in order of the input; iterative, since chains of requirements may be deep.
fn weigh(users: &[Vec<usize>]) -> Vec<Weight> {
    struct Frame {
        package: usize,
        next: usize,
        weight: Weight,
    }
    let mut computed: Vec<Option<Weight>> = vec![None; users.len()];
    let mut computing = vec![false; users.len()];
    let mut stack: Vec<Frame> = Vec::new();
    for start in 0..users.len() {
        if computed[start].is_some() {
            continue;
        }
        computing[start] = true;
        stack.push(Frame { package: start, next: 0, weight: Weight::Int(0) });
        while let Some(frame) = stack.last_mut() {
            let Some(&user) = users[frame.package].get(frame.next) else {
                computing[frame.package] = false;
                computed[frame.package] = Some(frame.weight);
                stack.pop();
                continue;
            };
            // A user that was pushed below has its weight by the time its user's frame comes back here.
            if let Some(weight) = computed[user] {
                frame.weight = frame.weight.less(weight);
                frame.next += 1;
            } else if computing[user] {
                frame.weight = frame.weight.less(Weight::Int(0));
                frame.next += 1;
            } else {
                computing[user] = true;
                stack.push(Frame { package: user, next: 0, weight: Weight::Int(0) });
            }
        }
    }
    computed.into_iter().map(|weight| weight.unwrap_or(Weight::Int(0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct P(&'static str, &'static [&'static str]);

    impl Weighed for P {
        fn name(&self) -> &str {
            self.0
        }
        fn targets(&self) -> impl Iterator<Item = &str> {
            self.1.iter().copied()
        }
    }

    fn order(packages: &[P]) -> String {
        let packages: Vec<&P> = packages.iter().collect();
        sorted(&packages).iter().map(|package| package.0).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn order_depends_on_the_subset() {
        let (aa, zz) = (P("l/aa", &[]), P("l/zz", &[]));
        assert_eq!(order(&[P("e1", &["l/aa", "l/zz"]), aa, zz]), "l/aa l/zz e1");
        let (aa, zz) = (P("l/aa", &[]), P("l/zz", &[]));
        let both = [P("e1", &["l/aa", "l/zz"]), P("e2", &["l/zz"]), aa, zz];
        assert_eq!(order(&both), "l/zz l/aa e1 e2");
    }

    #[test]
    fn cycles_end() {
        assert_eq!(order(&[P("a", &["b"]), P("b", &["c"]), P("c", &["a"]), P("u", &["a"])]), "a c b u");
    }

    #[test]
    fn deep_chains_do_not_overflow() {
        let names: Vec<&'static str> = (0..50_000).map(|i| &*Box::leak(format!("p{i}").into_boxed_str())).collect();
        let packages: Vec<P> =
            names.windows(2).map(|pair| P(pair[0], Vec::leak(vec![pair[1]]))).chain([P("p49999", &[])]).collect();
        let packages: Vec<&P> = packages.iter().collect();
        assert_eq!(sorted(&packages)[0].0, "p49999");
    }
}
