//! Caps the log files of Cassandra: the image's settings allow 10 GB of them, which would fill the
//! pod's temporary storage and have it evicted. Standard output has the log anyway. Pure.

/// Largest size of one log file and of all files of one log.
const CAPS: [(&str, &str); 2] = [("maxFileSize", "20MB"), ("totalSizeCap", "200MB")];

/// A logback.xml with smaller files; what it does not name stays as it is.
pub fn capped(xml: &str) -> String {
    CAPS.iter().fold(xml.to_owned(), |xml, (element, size)| with_text(&xml, element, size))
}

fn with_text(xml: &str, element: &str, text: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let mut parts = xml.split(&open);
    let head = parts.next().unwrap_or_default().to_owned();
    parts.fold(head, |done, part| match part.find(&close) {
        Some(end) => done + &open + text + part.get(end..).unwrap_or_default(),
        None => done + &open + part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_log_gets_the_caps_and_the_rest_stays() {
        let xml = "<a><maxFileSize>50MB</maxFileSize><maxHistory>7</maxHistory><totalSizeCap>5GB</totalSizeCap></a>\n\
                   <b><maxFileSize>50MB</maxFileSize></b>";
        assert_eq!(
            capped(xml),
            "<a><maxFileSize>20MB</maxFileSize><maxHistory>7</maxHistory><totalSizeCap>200MB</totalSizeCap></a>\n\
             <b><maxFileSize>20MB</maxFileSize></b>"
        );
        assert_eq!(capped("<configuration/>"), "<configuration/>");
    }
}
