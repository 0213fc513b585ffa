//! PHP-FPM: a pool for each wiki, as the wiki's user.

use std::fmt::Write;
use std::path::PathBuf;

use super::{Site, UPLOAD_MEGABYTES, site_directory};
use crate::deploy::layout::Layout;
use crate::deploy::options::Options;
use crate::deploy::web::daemon::Daemon;

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
