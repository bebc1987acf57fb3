//! Random numbers that depend only on the seed, on every machine and in every version: SplitMix64
//! (Steele, Lea & Flood, OOPSLA 2014). The generators of libraries may change between versions.

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream for one part of the seed, independent of its other parts.
    pub(crate) fn of(seed: u64, part: i64) -> Self {
        let mut mixed = Self(seed);
        let start = mixed.next() ^ part.cast_unsigned();
        Self(Self(start).next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which must not be 0. The bias of the remainder does not matter here.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number from `first` to `last`, both included.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// A number from 0 up to, but not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are just what an f64 holds")]
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        unit
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        #[expect(clippy::cast_possible_truncation, reason = "below the length of a slice")]
        let index = self.below(choices.len() as u64) as usize;
        choices[index]
    }

    /// A Poisson-distributed count (Knuth's method, whose cost grows with `mean`, which is small here).
    pub(crate) fn count(&mut self, mean: f64) -> u32 {
        let limit = (-mean).exp();
        let (mut count, mut product) = (0, self.unit());
        while product > limit {
            count += 1;
            product *= self.unit();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        // The first outputs of SplitMix64 for seed 0, from the reference implementation.
        let mut random = Random(0);
        assert_eq!([random.next(), random.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn counts_have_the_mean_they_were_asked_for() {
        let mut random = Random::of(1, 1);
        let total: u32 = (0..100_000).map(|_| random.count(0.3)).sum();
        assert!((29_000..31_000).contains(&total), "{total}");
    }
}
