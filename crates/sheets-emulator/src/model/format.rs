//! How values are shown: general numbers and the common format patterns.

use serde_json::Value;

use super::calendar;
use super::cell::Scalar;

/// The text a cell shows for its effective value under its number format (`{type, pattern?}`).
pub fn shown(value: &Scalar, number_format: Option<&Value>) -> String {
    match value {
        Scalar::Empty => String::new(),
        Scalar::Text(text) => text.to_string(),
        Scalar::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Scalar::Error(error) => error.kind.shown().to_owned(),
        Scalar::Number(number) => match pattern_of(number_format) {
            Some(pattern) => by_pattern(*number, pattern),
            None => general(*number),
        },
    }
}

/// Whether the format shows numbers as dates or times.
pub fn is_temporal(number_format: Option<&Value>) -> bool {
    let kind = number_format.and_then(|f| f.get("type")).and_then(Value::as_str);
    matches!(kind, Some("DATE" | "TIME" | "DATE_TIME"))
}

/// Whether the format is plain text: what is typed into such a cell stays text.
pub fn is_text(number_format: Option<&Value>) -> bool {
    let kind = number_format.and_then(|f| f.get("type")).and_then(Value::as_str);
    kind == Some("TEXT")
}

fn pattern_of(format: Option<&Value>) -> Option<&str> {
    let format = format?;
    if let Some(pattern) = format.get("pattern").and_then(Value::as_str).filter(|p| !p.is_empty()) {
        return (!pattern.eq_ignore_ascii_case("general")).then_some(pattern);
    }
    match format.get("type").and_then(Value::as_str)? {
        "NUMBER" => Some("#,##0.00"),
        "PERCENT" => Some("0.00%"),
        "CURRENCY" => Some("\"$\"#,##0.00"),
        "DATE" => Some("m/d/yyyy"),
        "TIME" => Some("h:mm:ss am/pm"),
        "DATE_TIME" => Some("m/d/yyyy h:mm:ss"),
        "SCIENTIFIC" => Some("0.00E+00"),
        _ => None,
    }
}

/// A number without a format: up to 15 significant digits, scientific when it is very large or small.
pub fn general(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{number:.14e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return number.to_string() };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| -> String {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
            .to_owned()
    };
    if (-5..21).contains(&exponent) {
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let sign = if number < 0.0 { "-" } else { "" };
        let point = exponent + 1;
        let body = match usize::try_from(point) {
            Ok(point) if point >= digits.len() => {
                format!("{digits}{}", "0".repeat(point - digits.len()))
            }
            Ok(point) if point > 0 => format!("{}.{}", &digits[..point], &digits[point..]),
            _ => format!("0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0))),
        };
        return format!("{sign}{}", trim(&body));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}E{sign}{:02}", trim(mantissa), exponent.abs())
}

fn by_pattern(number: f64, pattern: &str) -> String {
    let sections: Vec<&str> = pattern.split(';').collect();
    let (section, negative) = match sections.as_slice() {
        [_, below, ..] if number < 0.0 => (*below, false),
        [_, _, zero, ..] if number == 0.0 => (*zero, false),
        _ => (sections[0], number < 0.0),
    };
    if section.trim() == "@" {
        return general(number);
    }
    if is_date_pattern(section) {
        return date_text(number, section);
    }
    let body = number_text(number.abs(), section);
    if negative && body.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        format!("-{body}")
    } else {
        body
    }
}

fn is_date_pattern(pattern: &str) -> bool {
    let mut quoted = false;
    pattern.chars().any(|c| {
        quoted ^= c == '"';
        !quoted && matches!(c.to_ascii_lowercase(), 'y' | 'd' | 'h' | 's')
    }) || pattern.eq_ignore_ascii_case("mm")
}

/// Literal text around one run of `0 # , .`; with `%` or `E+00` behind it.
fn number_text(number: f64, pattern: &str) -> String {
    let mut before = String::new();
    let mut after = String::new();
    let mut digits = String::new();
    let mut exponent = false;
    let mut percent = false;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let open = after.is_empty();
        let side = if digits.is_empty() { &mut before } else { &mut after };
        match c {
            '"' => side.extend(chars.by_ref().take_while(|c| *c != '"')),
            '\\' => side.extend(chars.next()),
            '[' => chars.by_ref().take_while(|c| *c != ']').for_each(drop),
            'E' | 'e' if !digits.is_empty() => {
                exponent = true;
                while chars.peek().is_some_and(|c| matches!(c, '+' | '-' | '0')) {
                    chars.next();
                }
            }
            '%' => {
                percent = true;
                side.push('%');
            }
            '0' | '#' | '?' | ',' | '.' if open => digits.push(c),
            '_' | '*' => {
                chars.next();
            }
            c => side.push(c),
        }
    }
    if digits.is_empty() {
        return before;
    }
    let number = if percent { number * 100.0 } else { number };
    let body = if exponent { scientific(number, &digits) } else { fixed(number, &digits) };
    format!("{before}{body}{after}")
}

fn fixed(number: f64, digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let grouped = whole.contains(',');
    let least = whole.chars().filter(|c| *c == '0').count();
    let places = fraction.chars().filter(|c| matches!(c, '0' | '#' | '?')).count();
    let kept = fraction.chars().filter(|c| *c == '0').count();
    // Halves go away from zero, as people round; beyond 2^53 there is no half.
    let scale = 10f64.powi(i32::try_from(places).unwrap_or(0));
    let scaled = number * scale;
    let number = if scaled < 9e15 { scaled.round() / scale } else { number };
    let text = format!("{number:.places$}");
    let (int, frac) = text.split_once('.').unwrap_or((&text, ""));
    let int = if least == 0 && int == "0" { "" } else { int };
    let mut int = format!("{}{int}", "0".repeat(least.saturating_sub(int.len())));
    if grouped {
        int = group(&int);
    }
    let frac = frac.trim_end_matches('0').len().max(kept).min(frac.len());
    let frac = &text[text.len() - places..][..frac];
    if frac.is_empty() && !(digits.ends_with('.')) { int } else { format!("{int}.{frac}") }
}

fn group(digits: &str) -> String {
    let mut out = String::new();
    for (index, c) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn scientific(number: f64, digits: &str) -> String {
    let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let text = format!("{number:.places$e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.abs())
}

struct Clock {
    date: (i64, i64, i64),
    weekday: i64,
    hour: i64,
    minute: i64,
    second: i64,
    milli: i64,
    days: i64,
}

/// The serial number split into calendar and clock, rounded to milliseconds.
fn split(number: f64) -> Option<Clock> {
    /// Beyond this no calendar is meant.
    const SERIAL_MAX: f64 = 10_000_000.0;
    if !(number.is_finite() && number.abs() < SERIAL_MAX) {
        return None;
    }
    let millis: i64 = format!("{:.0}", number * 86_400_000.0).parse().ok()?;
    let days = millis.div_euclid(86_400_000);
    let rest = millis.rem_euclid(86_400_000);
    Some(Clock {
        date: calendar::date_of(days),
        weekday: (days + 6).rem_euclid(7),
        hour: rest / 3_600_000,
        minute: rest / 60_000 % 60,
        second: rest / 1000 % 60,
        milli: rest % 1000,
        days,
    })
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

fn date_text(number: f64, pattern: &str) -> String {
    let Some(clock) = split(number) else { return general(number) };
    let half = pattern.to_ascii_lowercase().contains("am/pm");
    let mut out = String::new();
    let mut rest = pattern;
    let mut after_hour = false;
    while let Some(c) = rest.chars().next() {
        let lower = c.to_ascii_lowercase();
        let length = rest.chars().take_while(|x| x.to_ascii_lowercase() == lower).count();
        let elapsed = rest.starts_with("[h") || rest.starts_with("[H");
        let used = if rest.to_ascii_lowercase().starts_with("am/pm") {
            out.push_str(if clock.hour < 12 { "AM" } else { "PM" });
            5
        } else if elapsed {
            out.push_str(&(clock.days * 24 + clock.hour).to_string());
            after_hour = true;
            rest.find(']').map_or(rest.len(), |end| end + 1)
        } else if c == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 1);
            out.push_str(&rest[1..end]);
            (end + 1).min(rest.len())
        } else if matches!(lower, 'y' | 'm' | 'd' | 'h' | 's') {
            let minutes = lower == 'm' && (after_hour || seconds_follow(&rest[length..]));
            out.push_str(&field(&clock, lower, length, minutes, half));
            after_hour = lower == 'h';
            length
        } else if rest.starts_with(".0") || rest.starts_with("00") && out.ends_with('.') {
            let zeros = rest[1..].chars().take_while(|c| *c == '0').count();
            out.push_str(&format!(".{:03}", clock.milli)[..=zeros.min(3)]);
            1 + zeros
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[used..];
    }
    out
}

fn seconds_follow(rest: &str) -> bool {
    rest.trim_start_matches([':', ' ', '.']).starts_with(['s', 'S'])
}

fn field(clock: &Clock, letter: char, length: usize, minutes: bool, half: bool) -> String {
    let padded =
        |number: i64| if length >= 2 { format!("{number:02}") } else { number.to_string() };
    let named = |names: &[&str], index: i64| -> String {
        let name = usize::try_from(index).ok().and_then(|i| names.get(i)).copied().unwrap_or("");
        if length == 3 { name.chars().take(3).collect() } else { name.to_owned() }
    };
    let (year, month, day) = clock.date;
    match letter {
        'y' if length <= 2 => format!("{:02}", year.rem_euclid(100)),
        'y' => format!("{year:04}"),
        'm' if minutes => padded(clock.minute),
        'm' if length >= 3 => named(&MONTHS, month - 1),
        'm' => padded(month),
        'd' if length >= 3 => named(&WEEKDAYS, clock.weekday),
        'd' => padded(day),
        'h' if half => padded((clock.hour + 11) % 12 + 1),
        'h' => padded(clock.hour),
        _ => padded(clock.second),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(number: f64, pattern: &str, expected: &str) {
        let format = json!({"type": "NUMBER", "pattern": pattern});
        assert_eq!(shown(&Scalar::Number(number), Some(&format)), expected, "{pattern}");
    }

    #[test]
    fn general_numbers_have_15_digits() {
        for (number, text) in [
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.333333333333333"),
            (1234.5, "1234.5"),
            (-7.0, "-7"),
            (1e21, "1E+21"),
            (1.5e-7, "1.5E-07"),
            (9_007_199_254_740_993.0, "9007199254740990"),
            (100.0, "100"),
        ] {
            assert_eq!(general(number), text);
        }
    }

    #[test]
    fn patterns_shape_numbers_and_dates() {
        check(1234.5, "#,##0.00", "1,234.50");
        check(-1234.5, "0", "-1235");
        check(-0.001, "0.00", "0.00");
        check(0.256, "0.00%", "25.60%");
        check(0.5, "#.##", ".5");
        check(12345.0, "0.00E+00", "1.23E+04");
        check(5.0, "\"$\"#,##0.00", "$5.00");
        check(42.0, "@", "42");
        check(43_831.5, "yyyy-mm-dd", "2020-01-01");
        check(43_831.75, "yyyy-mm-dd hh:mm:ss", "2020-01-01 18:00:00");
        check(43_831.75, "m/d/yyyy h:mm am/pm", "1/1/2020 6:00 PM");
        check(0.5 + 1.0 / 86_400_000.0, "hh:mm:ss.000", "12:00:00.001");
        check(43_831.0, "ddd mmm d", "Wed Jan 1");
        check(1.5, "[h]:mm:ss", "36:00:00");
    }
}
