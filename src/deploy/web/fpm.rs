//! PHP-FPM: a pool for each wiki, as the wiki's user.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::{Site, UPLOAD_MEGABYTES, site_directory};
use crate::deploy::layout::Layout;
use crate::deploy::options::Options;
use crate::deploy::web::daemon::Daemon;
use crate::fastcgi::{self, Address, Response};

/// How long requests may go on when the configuration is read again, in seconds. Others wait meanwhile; without it, all
/// requests that are being served would be cut off.
const RELOAD_SECONDS: u32 = 10;

/// The functions of `APCu`; those that are not there are passed over.
const APCU: &str = "apcu_add,apcu_cache_info,apcu_cas,apcu_clear_cache,apcu_dec,apcu_delete,apcu_enabled,apcu_entry,\
                    apcu_exists,apcu_fetch,apcu_inc,apcu_key_info,apcu_sma_info,apcu_store";

/// What all pools share, and a pool that serves nothing: PHP-FPM does not start without any. Only root can ask it.
pub(super) fn farm(options: &Options, digest: &str) -> String {
    let mut text = format!(
        "[global]\n\
         process_control_timeout = {RELOAD_SECONDS}s\n\
         \n\
         ; Says which configuration is in effect, to root alone.\n\
         [mwfarm unknown]\n\
         listen = {socket}\n\
         listen.mode = 0600\n\
         pm = ondemand\n\
         pm.max_children = 2\n\
         pm.process_idle_timeout = 5s\n\
         ping.path = {PING}\n\
         ping.response = {digest}\n\
         security.limit_extensions = .mwfarm\n\
         ; Lets OPcache forget releases that are served no more.\n\
         php_admin_value[opcache.restrict_api] = {script}\n",
        script = super::opcache::script(&options.layout).display(),
        socket = probe_socket(&options.layout).display(),
    );
    let user = if options.users.is_some() { "nobody" } else { &options.services.web_user };
    let _ = writeln!(text, "user = {user}");
    let _ = write!(text, "\ninclude = {}/*.conf\n", site_directory(options, Daemon::Fpm).display());
    text
}

/// The path at which the pool that serves nothing says which configuration is in effect.
pub(super) const PING: &str = "/mwfarm";

/// Where it listens.
pub(super) fn probe_socket(layout: &Layout) -> PathBuf {
    // No wiki has this name.
    layout.sockets().join("unknown.sock")
}

/// How long it may take to answer, each time that it is asked. When its only process ends as idle at the very moment at
/// which somebody connects, PHP-FPM may begin another one for the next connection only.
const TIME: Duration = Duration::from_secs(5);

/// How often it is asked: longer than it waits for requests to end when it has just been told to read its configuration.
const TIMES: u32 = 3;

/// Asks the pool that serves nothing.
///
/// # Errors
/// Nobody listens, or it does not answer, each time that it is asked.
pub(super) fn ask(layout: &Layout, parameters: &[(&str, &str)]) -> Result<Response, fastcgi::Error> {
    ask_within(layout, parameters, TIME)
}

fn ask_within(layout: &Layout, parameters: &[(&str, &str)], time: Duration) -> Result<Response, fastcgi::Error> {
    let address = Address::Unix(probe_socket(layout));
    let mut times = 1;
    loop {
        match fastcgi::request(&address, parameters, time) {
            Err(fastcgi::Error::Timeout { .. }) if times < TIMES => times += 1,
            result => return result,
        }
    }
}

/// The pool of a wiki.
pub(super) fn pool(options: &Options, site: &Site) -> String {
    let layout = &options.layout;
    let home = layout.home(&site.name);
    let home = home.display();
    let mut text = format!("[{}]\n", site.name.user());
    let web_user = &options.services.web_user;
    match site.uid {
        // By number: a pool whose user is gone would keep all others from starting.
        Some(uid) => {
            let _ = writeln!(text, "user = {uid}\ngroup = {uid}");
        }
        // Not as root, which PHP-FPM refuses; without root's rights it passes over this.
        None => {
            let _ = writeln!(text, "user = {web_user}");
        }
    }
    let _ = write!(
        text,
        "listen = {socket}\n\
         listen.owner = {web_user}\n\
         listen.mode = 0660\n\
         pm = ondemand\n\
         pm.max_children = 5\n\
         pm.process_idle_timeout = 30s\n\
         pm.max_requests = 1000\n\
         security.limit_extensions = .php\n\
         rlimit_core = 0\n\
         clear_env = yes\n\
         env[PATH] = /usr/local/bin:/usr/bin:/bin\n\
         env[TMPDIR] = {home}/tmp\n\
         ; All wikis share OPcache. Without these, one reads the code and the secrets of another, cached, or its paths.\n\
         php_admin_value[opcache.validate_permission] = 1\n\
         php_admin_value[opcache.restrict_api] = /nonexistent\n\
         ; The memory of APCu is shared, too, and has no owners; `apc.enabled` of a pool would only hide it.\n\
         php_admin_value[disable_functions] = {APCU}\n\
         php_admin_value[disable_classes] = APCUIterator\n\
         php_admin_value[sys_temp_dir] = {home}/tmp\n\
         php_admin_value[upload_tmp_dir] = {home}/tmp\n\
         php_admin_value[session.save_path] = {home}/tmp\n\
         php_admin_value[error_log] = {home}/logs/php.log\n\
         php_admin_value[log_errors] = 1\n\
         php_admin_value[display_errors] = 0\n\
         php_admin_value[upload_max_filesize] = {UPLOAD_MEGABYTES}M\n\
         php_admin_value[post_max_size] = {UPLOAD_MEGABYTES}M\n",
        socket = layout.socket(&site.name).display(),
    );
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;

    use super::*;

    /// As of a process that ends as idle just when somebody connects.
    #[test]
    fn a_connection_that_nobody_answers_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().to_owned());
        let socket = probe_socket(&layout);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        let ask = || ask_within(&layout, &[("SCRIPT_NAME", PING)], Duration::from_secs(3));
        std::thread::scope(|scope| {
            let asked = scope.spawn(ask);
            let left = listener.accept().unwrap();
            let (mut answered, _) = listener.accept().unwrap();
            assert!(answered.read(&mut [0; 8192]).unwrap() > 0);
            let body = b"Content-Type: text/plain\r\n\r\ndigest";
            // Output of the request 1, and its end.
            answered.write_all(&[1, 6, 0, 1, 0, u8::try_from(body.len()).unwrap(), 0, 0]).unwrap();
            answered.write_all(body).unwrap();
            answered.write_all(&[1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
            assert_eq!(asked.join().unwrap().unwrap().body, b"digest");
            drop(left);
            // Not for ever.
            let asked = scope.spawn(ask);
            let left: Vec<_> = (0..TIMES).map(|_| listener.accept().unwrap()).collect();
            assert!(matches!(asked.join().unwrap(), Err(fastcgi::Error::Timeout { .. })));
            drop(left);
        });
    }
}
