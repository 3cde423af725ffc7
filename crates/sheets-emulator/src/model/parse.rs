//! Text as people type it: numbers, dates, times, booleans, formulas, or just text (locale `en_US`).

use super::calendar;

/// What a typed text means. A number comes with the format it asks for: type and pattern.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// Nothing.
    Empty,
    /// A number.
    Number(f64, Option<(&'static str, &'static str)>),
    /// TRUE or FALSE.
    Bool(bool),
    /// A formula, with its `=`.
    Formula(String),
    /// Text, without the apostrophe that may have forced it.
    Text(String),
}

/// Reads a text as the grid does when it is typed.
pub fn typed(text: &str) -> Typed {
    if text.is_empty() {
        return Typed::Empty;
    }
    if let Some(forced) = text.strip_prefix('\'') {
        return Typed::Text(forced.to_owned());
    }
    if text.len() > 1 && text.starts_with('=') {
        return Typed::Formula(text.to_owned());
    }
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("true") {
        return Typed::Bool(true);
    }
    if trimmed.eq_ignore_ascii_case("false") {
        return Typed::Bool(false);
    }
    if !trimmed.bytes().any(|b| b.is_ascii_digit()) {
        return Typed::Text(text.to_owned());
    }
    number(trimmed)
        .or_else(|| date_or_time(trimmed))
        .unwrap_or_else(|| Typed::Text(text.to_owned()))
}

fn number(text: &str) -> Option<Typed> {
    let (negative, body) = match (text.strip_prefix('-'), text.strip_prefix('(')) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (true, rest.strip_suffix(')')?),
        (None, None) => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (money, body) = match body.strip_prefix('$') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, body),
    };
    let (percent, body) = match body.strip_suffix('%') {
        Some(rest) => (true, rest.trim_end()),
        None => (false, body),
    };
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], &body[at + 1..]),
        None => (body, ""),
    };
    let scientific = mantissa.len() < body.len();
    if scientific && (exponent.is_empty() || exponent.trim_start_matches(['+', '-']).is_empty()) {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let grouped = whole.contains(',');
    if grouped && !groups_of_three(whole) {
        return None;
    }
    let digits: String = whole.chars().filter(|c| *c != ',').collect();
    if digits.len() + fraction.len() == 0
        || !digits.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let exponent = if scientific { format!("e{exponent}") } else { String::new() };
    let value: f64 =
        format!("{digits}.{fraction}0{exponent}").parse().ok().filter(|v: &f64| v.is_finite())?;
    let value = if negative { -value } else { value };
    let format = match (money, percent, grouped, scientific, fraction.is_empty()) {
        (true, _, _, _, true) => Some(("CURRENCY", "\"$\"#,##0")),
        (true, ..) => Some(("CURRENCY", "\"$\"#,##0.00")),
        (_, true, _, _, true) => Some(("PERCENT", "0%")),
        (_, true, ..) => Some(("PERCENT", "0.00%")),
        (_, _, true, _, true) => Some(("NUMBER", "#,##0")),
        (_, _, true, ..) => Some(("NUMBER", "#,##0.00")),
        (_, _, _, true, _) => Some(("SCIENTIFIC", "0.00E+00")),
        _ => None,
    };
    Some(Typed::Number(if percent { value / 100.0 } else { value }, format))
}

fn groups_of_three(whole: &str) -> bool {
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or("");
    (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
}

fn date_or_time(text: &str) -> Option<Typed> {
    if let Some((serial, pattern)) = date(text) {
        return Some(Typed::Number(serial, Some(("DATE", pattern))));
    }
    if let Some((fraction, pattern)) = time(text) {
        return Some(Typed::Number(fraction, Some(("TIME", pattern))));
    }
    let (day, clock) = text.split_once([' ', 'T'])?;
    let (serial, pattern) = date(day)?;
    let (fraction, _) = time(clock.trim())?;
    let pattern = match pattern {
        "yyyy-mm-dd" => "yyyy-mm-dd hh:mm:ss",
        _ => "m/d/yyyy h:mm:ss",
    };
    Some(Typed::Number(serial + fraction, Some(("DATE_TIME", pattern))))
}

/// `2020-01-31`, `1/31/2020`, `1/31/20`, `2020/1/31`.
fn date(text: &str) -> Option<(f64, &'static str)> {
    let (parts, iso): (Vec<&str>, bool) = if text.contains('/') {
        (text.split('/').collect(), false)
    } else {
        (text.split('-').collect(), true)
    };
    let [a, b, c] = parts.as_slice() else { return None };
    if parts.iter().any(|p| p.is_empty() || p.len() > 4 || !p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let (year, month, day, year_first) = if a.len() == 4 {
        (a, b, c, true)
    } else if iso {
        return None;
    } else {
        (c, a, b, false)
    };
    let year_number: i64 = match year.len() {
        4 => year.parse().ok()?,
        2 => {
            let short: i64 = year.parse().ok()?;
            if short < 30 { 2000 + short } else { 1900 + short }
        }
        _ => return None,
    };
    let days = calendar::serial_of(year_number, month.parse().ok()?, day.parse().ok()?)?;
    let serial = f64::from(i32::try_from(days).ok()?);
    Some((serial, if year_first { "yyyy-mm-dd" } else { "m/d/yyyy" }))
}

/// `13:45`, `13:45:06`, `13:45:06.123`, `1:45 PM`.
fn time(text: &str) -> Option<(f64, &'static str)> {
    let lower = text.to_ascii_lowercase();
    let (clock, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(rest), _) => (rest.trim_end(), Some(false)),
        (None, Some(rest)) => (rest.trim_end(), Some(true)),
        (None, None) => (lower.as_str(), None),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let whole = |part: &str| -> Option<u32> {
        (!part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse().ok())?
    };
    let (mut hours, minutes) = (whole(parts[0])?, whole(parts[1])?);
    let seconds: f64 = match parts.get(2) {
        Some(part) => {
            let (whole_part, _) = part.split_once('.').unwrap_or((part, ""));
            whole(whole_part)?;
            part.parse().ok()?
        }
        None => 0.0,
    };
    if minutes > 59 || seconds >= 60.0 {
        return None;
    }
    match half {
        Some(_) if hours == 0 || hours > 12 => return None,
        Some(true) if hours < 12 => hours += 12,
        Some(false) if hours == 12 => hours = 0,
        _ => {}
    }
    let pattern = match (half.is_some(), parts.len()) {
        (true, 2) => "h:mm am/pm",
        (true, _) => "h:mm:ss am/pm",
        (false, 2) => "h:mm",
        (false, _) => "h:mm:ss",
    };
    Some(((f64::from(hours * 3600 + minutes * 60) + seconds) / 86_400.0, pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_of(text: &str) -> Option<f64> {
        match typed(text) {
            Typed::Number(number, _) => Some(number),
            _ => None,
        }
    }

    #[test]
    fn numbers_are_read_as_typed() {
        for (text, number) in [
            ("0042", 42.0),
            ("2,000,000.01", 2_000_000.01),
            ("-1.5", -1.5),
            ("50%", 0.5),
            ("$1,234.50", 1234.5),
            ("1e3", 1000.0),
            ("2020-01-01", 43_831.0),
            ("1/31/2020", 43_861.0),
            ("12:00", 0.5),
            ("1900-01-01 12:00", 2.5),
        ] {
            assert_eq!(number_of(text), Some(number), "{text}");
        }
    }

    #[test]
    fn the_rest_stays_text() {
        for text in ["3_1_0", "1,23", "2020-13-01", "2020-02-30", "abc", "1-2", "12:61", "-", "e5"]
        {
            assert_eq!(typed(text), Typed::Text(text.to_owned()), "{text}");
        }
        assert_eq!(typed("'007"), Typed::Text("007".to_owned()));
        assert_eq!(typed("=1+1"), Typed::Formula("=1+1".to_owned()));
        assert_eq!(typed("True"), Typed::Bool(true));
        assert_eq!(typed(""), Typed::Empty);
    }
}
