//! Starts the program: settings, logs, the chosen command.

use std::process::ExitCode;

use clap::Parser as _;
use store_api::settings::{Cli, Command};

fn main() -> ExitCode {
    // A missing .env is usual; a broken one is told once logging works.
    let dotenv = dotenvy::dotenv();
    let cli = Cli::parse();
    let settings = cli.settings.with_secrets_of_the_environment();
    let printed = match cli.command {
        Some(Command::Openapi) => Some(store_api::openapi::text(true)),
        Some(Command::Graphql) => Some(store_api::controllers::graphql::sdl()),
        _ => None,
    };
    if let Some(text) = printed {
        print!("{text}");
        return ExitCode::SUCCESS;
    }
    if let Some(Command::Metrics) = cli.command {
        return match store_api::metrics::reference() {
            Ok(table) => {
                print!("{table}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("could not make the table of the metrics: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let runtime = match runtime(settings.threads) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("could not start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let traces = {
        let _within = runtime.enter();
        store_api::telemetry::traces()
    };
    store_api::telemetry::start(settings.log_format, traces.as_ref().ok().and_then(Option::as_ref));
    let traces = match traces {
        Ok(traces) => traces,
        Err(error) => {
            tracing::error!("a setting cannot be used: {error}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = dotenv
        && !error.not_found()
    {
        tracing::error!(%error, "could not read .env");
        return ExitCode::from(2);
    }
    let ended: anyhow::Result<()> = runtime.block_on(async {
        match cli.command {
            Some(Command::Migrate(args)) => store_api::run::migrate(&settings, &args).await?,
            Some(Command::Seed(args)) => store_api::run::seed(&settings, &args).await?,
            Some(Command::Texts) => store_api::run::texts(&settings).await?,
            _ => store_api::run::serve(&settings).await?,
        }
        Ok(())
    });
    if let Some(traces) = traces {
        runtime.block_on(traces.end());
    }
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            if error.is::<store_api::run::RunError>() && is_settings(&error) {
                return ExitCode::from(2);
            }
            ExitCode::FAILURE
        }
    }
}

/// One thread needs none of what shares work between several.
fn runtime(threads: u16) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(usize::from(threads)).enable_all().build()
}

fn is_settings(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(store_api::run::RunError::Settings(_)))
}
