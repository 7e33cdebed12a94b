//! Which traces are recorded, by OpenTelemetry's variables. Pure.

use opentelemetry_sdk::trace::Sampler;

use super::TracesError;

/// The sampler of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`. The SDK's own reading falls
/// back to recording everything when a name or number is wrong, which is the dearest way to find out.
pub fn read(name: Option<&str>, argument: Option<&str>) -> Result<Sampler, TracesError> {
    let parent = |root| Sampler::ParentBased(Box::new(root));
    let by_ratio = || match argument {
        None => Ok(Sampler::TraceIdRatioBased(1.0)),
        Some(text) => match text.trim().parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Sampler::TraceIdRatioBased(ratio)),
            _ => Err(TracesError::Ratio(text.to_owned())),
        },
    };
    match name.unwrap_or("parentbased_always_on") {
        "always_on" => Ok(Sampler::AlwaysOn),
        "always_off" => Ok(Sampler::AlwaysOff),
        "traceidratio" => by_ratio(),
        "parentbased_always_on" => Ok(parent(Sampler::AlwaysOn)),
        "parentbased_always_off" => Ok(parent(Sampler::AlwaysOff)),
        "parentbased_traceidratio" => Ok(parent(by_ratio()?)),
        other => Err(TracesError::Sampler(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_names_are_known_and_nothing_else_is() {
        let shown = |name, argument| format!("{:?}", read(name, argument).unwrap());
        assert_eq!(shown(None, None), "ParentBased(AlwaysOn)");
        assert_eq!(shown(Some("always_off"), Some("0.5")), "AlwaysOff");
        assert_eq!(shown(Some("traceidratio"), Some("0.25")), "TraceIdRatioBased(0.25)");
        assert_eq!(shown(Some("parentbased_traceidratio"), None), "ParentBased(TraceIdRatioBased(1.0))");
        for (name, argument) in [("half", None), ("traceidratio", Some("2")), ("parentbased_traceidratio", Some("x"))] {
            assert!(read(Some(name), argument).is_err(), "{name} {argument:?}");
        }
    }
}
