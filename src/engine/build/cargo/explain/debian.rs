//! The packages of Debian and Ubuntu that bring what a build script or a linker misses.

use super::words::between;

/// What is missing, as pkg-config, a linker or a build script names it, and the package that has it.
const PACKAGES: [(&str, &str); 48] = [
    ("alsa", "libasound2-dev"),
    ("asound", "libasound2-dev"),
    ("atk", "libatk1.0-dev"),
    ("bz2", "libbz2-dev"),
    ("cairo", "libcairo2-dev"),
    ("clang", "libclang-dev"),
    ("cmake", "cmake"),
    ("crypto", "libssl-dev"),
    ("curl", "libcurl4-openssl-dev"),
    ("dbus-1", "libdbus-1-dev"),
    ("ffi", "libffi-dev"),
    ("fontconfig", "libfontconfig1-dev"),
    ("freetype2", "libfreetype-dev"),
    ("gdk-pixbuf-2.0", "libgdk-pixbuf-2.0-dev"),
    ("git2", "libgit2-dev"),
    ("glib-2.0", "libglib2.0-dev"),
    ("gobject-2.0", "libglib2.0-dev"),
    ("gsl", "libgsl-dev"),
    ("gtk+-3.0", "libgtk-3-dev"),
    ("gtk4", "libgtk-4-dev"),
    ("hdf5", "libhdf5-dev"),
    ("jack", "libjack-dev"),
    ("jpeg", "libjpeg-dev"),
    ("lapack", "liblapack-dev"),
    ("libudev", "libudev-dev"),
    ("libusb-1.0", "libusb-1.0-0-dev"),
    ("lzma", "liblzma-dev"),
    ("mysqlclient", "default-libmysqlclient-dev"),
    ("nasm", "nasm"),
    ("netcdf", "libnetcdf-dev"),
    ("openblas", "libopenblas-dev"),
    ("openssl", "libssl-dev"),
    ("pango", "libpango1.0-dev"),
    ("pcap", "libpcap-dev"),
    ("perl", "perl"),
    ("pkg-config", "pkg-config"),
    ("png", "libpng-dev"),
    ("pq", "libpq-dev"),
    ("protoc", "protobuf-compiler"),
    ("sdl2", "libsdl2-dev"),
    ("sqlite3", "libsqlite3-dev"),
    ("ssl", "libssl-dev"),
    ("udev", "libudev-dev"),
    ("x11", "libx11-dev"),
    ("xml2", "libxml2-dev"),
    ("z3", "libz3-dev"),
    ("zmq", "libzmq3-dev"),
    ("zstd", "libzstd-dev"),
];

/// Words of build scripts that name no library, and what they miss.
const SIGNS: [(&str, &str); 8] = [
    ("pkg-config command could not be", "pkg-config"),
    ("Could not run `PKG_CONFIG", "pkg-config"),
    ("Could not find directory of OpenSSL", "openssl"),
    ("libclang", "clang"),
    ("is `cmake` not installed", "cmake"),
    ("find `protoc`", "protoc"),
    ("NASM command not found", "nasm"),
    ("z3.h", "z3"),
];

/// Advice for an error that a missing library or program is the reason of. `None` if it does not look like one.
pub(super) fn advice(told: &str) -> Option<String> {
    let missing = named(told)?;
    Some(match package(&missing) {
        Some(package) => format!(
            "the system lacks `{missing}`; on Debian or Ubuntu `apt-get install {package}` brings it, then run the cell again"
        ),
        None => format!("the system lacks `{missing}`; install its development package, then run the cell again"),
    })
}

/// What an error says is missing.
fn named(told: &str) -> Option<String> {
    if let Some((_, missing)) = SIGNS.iter().find(|(sign, _)| told.contains(sign)) {
        return Some((*missing).to_string());
    }
    let library = between(told, "The system library `", "`")
        .or_else(|| between(told, "Package ", " was not found"))
        .or_else(|| word_behind(told, "unable to find library -l"))
        .or_else(|| word_behind(told, "cannot find -l"));
    library.map(|library| library.trim_matches('\'').to_string()).or_else(|| {
        // A script that does not say what it misses is of a crate that is called after its library.
        let of_script = between(told, "failed to run custom build command for `", " ")?;
        let library = of_script.strip_suffix("-sys")?.trim_start_matches("lib");
        package(library).map(|_| library.to_string())
    })
}

fn word_behind<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(|c: char| c.is_whitespace() || c == ':').next().filter(|word| !word.is_empty())
}

fn package(library: &str) -> Option<&'static str> {
    let library = library.to_lowercase();
    let is = |known: &str| known == library || library.strip_prefix("lib").is_some_and(|library| library == known);
    PACKAGES.iter().find(|(known, _)| is(known)).map(|(_, package)| *package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        for (told, part) in [
            ("The system library `alsa` required by crate `alsa-sys` was not found.", "install libasound2-dev"),
            ("Package fontconfig was not found in the pkg-config search path.", "install libfontconfig1-dev"),
            ("rust-lld: error: unable to find library -lsqlite3", "install libsqlite3-dev"),
            ("/usr/bin/ld: cannot find -lpq: No such file or directory", "install libpq-dev"),
            ("Could not find directory of OpenSSL installation", "install libssl-dev"),
            ("couldn't find any valid shared libraries matching: ['libclang.so']", "install libclang-dev"),
            ("failed to run custom build command for `libudev-sys v0.1.4`\n  nothing", "install libudev-dev"),
            ("Could not find `protoc`. If", "install protobuf-compiler"),
            ("cannot find -lnosuch: No such file", "lacks `nosuch`; install its development package"),
        ] {
            let advice = advice(told).unwrap_or_default();
            assert!(advice.contains(part), "{told}: {advice}");
        }
        assert_eq!(advice("failed to run custom build command for `own v0.1.0`\n  boom"), None);
    }

    #[test]
    fn the_table_is_sorted_and_names_nothing_twice() {
        assert!(PACKAGES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
