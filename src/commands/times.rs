//! Times as operators write them.

use chrono::TimeDelta;

/// A number and `d`, `h`, `m` or `s`.
pub(super) fn lifetime(text: &str) -> Result<TimeDelta, String> {
    let parsed = || {
        let unit = text.chars().next_back()?;
        let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|number| (1..=36_500).contains(number))?;
        match unit {
            'd' => TimeDelta::try_days(number),
            'h' => TimeDelta::try_hours(number),
            'm' => TimeDelta::try_minutes(number),
            's' => TimeDelta::try_seconds(number),
            _ => None,
        }
    };
    parsed().ok_or_else(|| "a time is a number from 1 to 36500 and d, h, m or s, such as 90d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_numbers_with_a_unit() {
        assert_eq!(lifetime("90d"), Ok(TimeDelta::days(90)));
        assert_eq!(lifetime("1s"), Ok(TimeDelta::seconds(1)));
        for bad in ["", "d", "90", "0d", "-1d", "1.5h", "1w", "36501d", "１d", "1é"] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }
}
