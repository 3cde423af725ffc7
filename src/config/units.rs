//! Durations and sizes as people write them.

use std::time::Duration;

/// "250ms", "60s", "5m", "2h".
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// "500B", "64kB" or "64KB", "2MB", "1GB" in thousands; "64KiB", "2MiB", "1GiB" in 1,024s.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number.checked_mul(bytes)?).ok()
}

/// A duration as `duration` reads it.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        ms if ms % 3_600_000 == 0 && ms > 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 && ms > 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let ms = Duration::from_millis;
        let cases = [("0s", ms(0)), ("250ms", ms(250)), ("60 s", ms(60_000)), ("5m", ms(300_000))];
        for (text, wanted) in cases {
            assert_eq!(duration(text), Some(wanted), "{text}");
        }
        for text in
            ["", "60", "s", "-1s", "1.5s", "1d", "99999999999999999999s", "18446744073709551615h"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        for (text, wanted) in
            [("0B", 0), ("2MB", 2_000_000), ("64KiB", 65_536), ("1 GB", 1_000_000_000)]
        {
            assert_eq!(size(text), Some(wanted), "{text}");
        }
        for text in ["", "2", "2M", "2mb", "99999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        for text in ["0s", "250ms", "90s", "5m", "2h"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
    }
}
