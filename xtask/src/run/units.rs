//! Numbers for people: three digits of a duration or a size, thousands apart.

/// `number` with a comma at each thousand.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration with three digits. `micro` is how a microsecond is written.
pub(super) fn duration(ns: u64, micro: &str) -> String {
    scaled(ns, 1000.0, &["ns", micro, "ms", "s"])
}

/// A number of bytes with three digits.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// How many a second, as a whole number.
pub(super) fn per_second(number: u64, seconds: f64) -> u64 {
    if seconds > 0.0 {
        (number as f64 / seconds).round() as u64
    } else {
        0
    }
}

fn scaled(number: u64, step: f64, units: &[&str]) -> String {
    let mut value = number as f64;
    let mut unit = 0;
    // From 999.5 on, three digits would be 1000.
    while value >= step.min(999.5) && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let decimals = match value {
        _ if unit == 0 => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn a_duration_has_three_digits_in_the_unit_that_fits() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1000, "1.00 us"),
            (16_384, "16.4 us"),
            (99_960, "100 us"),
            (999_600, "1.00 ms"),
            (420_000_000, "420 ms"),
            (61_000_000_000, "61.0 s"),
            (5_000_000_000_000, "5000 s"),
        ] {
            assert_eq!(duration(ns, "us"), text);
        }
    }

    #[test]
    fn a_size_has_three_digits_in_the_unit_that_fits() {
        for (number, text) in [
            (512, "512 B"),
            (1023, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (1 << 30, "1.00 GiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn nothing_in_no_time_is_no_rate() {
        assert_eq!(per_second(5, 0.0), 0);
        assert_eq!(per_second(5, 2.0), 3);
    }
}
