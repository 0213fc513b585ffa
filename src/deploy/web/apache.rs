//! Apache with mpm-itk: each request as the wiki's user.

use std::fmt::Write;

use super::{ASSETS, ENTRY_POINTS, HIDDEN_UPLOADS, SCRIPTS, Site, UPLOAD_MEGABYTES, local_settings, site_directory};
use crate::deploy::options::Options;
use crate::deploy::web::daemon::{Daemon, PROBE_HOST};
use crate::farm::Host;

/// The users that a process of the server may become, besides those of wikis: from Debian's `www-data` to `nobody`. It
/// has to hold `User` and `Group` of the server itself.
const USERS: (u32, u32) = (33, 65_534);

/// The modules whose directives are used, as `a2enmod` names them. PHP's has its version in its name.
const MODULES: [&str; 8] = ["mpm_itk", "remoteip", "headers", "env", "setenvif", "alias", "dir", "authz_core"];

/// Lines with which Apache does not start as long as a module is not on, and says how that is mended, instead of naming
/// the first directive that it does not know.
fn modules() -> String {
    let command = format!("a2enmod {}", MODULES.join(" "));
    let mut text = String::new();
    for module in MODULES {
        let _ = writeln!(text, "<IfModule !{module}_module>");
        let _ = writeln!(text, "    Error \"mwfarm needs the module {module}: {command}\"\n</IfModule>");
    }
    text + "<IfModule !php_module>\n    <IfModule !php7_module>\n        \
            Error \"mwfarm needs PHP as a module of Apache, on Debian of libapache2-mod-php\"\n    \
            </IfModule>\n</IfModule>\n"
}

/// Where Apache listens, and what answers when no wiki does. The first virtual host is the one for unknown hosts.
pub(super) fn farm(options: &Options, digest: &str) -> String {
    let backend = &options.services.apache_backend;
    let (from, to) = options.users.map_or(USERS, |users| (USERS.0.min(users.from), USERS.1.max(users.to)));
    let nobody = if options.users.is_some() { "    AssignUserID nobody nogroup\n" } else { "" };
    format!(
        r#"{modules}Listen {backend}
LimitUIDRange {from} {to}
LimitGIDRange {from} {to}
ServerTokens Prod
TraceEnable Off
# Whatever else this server serves shares OPcache with the wikis.
php_admin_value opcache.validate_permission 1

# For hosts that are nobody's; it says which configuration is in effect.
<VirtualHost {backend}>
    ServerName {PROBE_HOST}
{nobody}    Redirect 404 /
    ErrorDocument 404 "{digest}"
    <Location "/">
        Require all denied
        SetHandler none
    </Location>
</VirtualHost>

IncludeOptional {sites}/*.conf
"#,
        modules = modules(),
        sites = site_directory(options, Daemon::Apache).display(),
    )
}

/// The virtual hosts of a wiki: of the release that is served, and of the one that is tried.
pub(super) fn site(options: &Options, site: &Site, next: &Host) -> String {
    let layout = &options.layout;
    let current = host(options, site, &site.host, &layout.current(&site.name).display().to_string());
    let next = host(options, site, next, &layout.next(&site.name).display().to_string());
    format!("{current}\n{next}")
}

fn host(options: &Options, site: &Site, host: &Host, root: &str) -> String {
    let backend = &options.services.apache_backend;
    let above = root.rsplit_once('/').map_or("/", |(above, _)| above);
    let entry_points = ENTRY_POINTS.join("|");
    let home = options.layout.home(&site.name);
    let home = home.display();
    let settings = local_settings(options).path;
    let settings = settings.display();
    let mut text = format!("<VirtualHost {backend}>\n    ServerName {host}\n    DocumentRoot {root}\n");
    // By number: a user that is gone would keep the server from starting.
    if let Some(uid) = site.uid {
        let _ = writeln!(text, "    AssignUserID #{uid} #{uid}");
    }
    let _ = write!(
        text,
        r#"    MaxClientsVHost 20
    RemoteIPHeader X-Forwarded-For
    RemoteIPInternalProxy 127.0.0.0/8 ::1
    LimitRequestBody {bytes}
    SetEnv MW_CONFIG_FILE {settings}
    SetEnvIf X-Forwarded-Proto "^https$" HTTPS=on
    Header always set X-Content-Type-Options nosniff
    DirectoryIndex index.php
    DirectorySlash Off
    Alias /wiki {root}/index.php
    Alias /images {home}/images

    <Directory />
        AllowOverride None
        Options None
    </Directory>
    # The release is reached through a link of root's; nothing in it is.
    <Directory {above}>
        Options SymLinksIfOwnerMatch
    </Directory>
    <Directory {root}>
        Options None
    </Directory>

    # What a path is, is decided here alone: the last section that fits holds.
    <Location "/">
        Require all denied
        SetHandler none
    </Location>
    <LocationMatch "^/(?:extensions|skins|resources)/.+\.(?:{ASSETS})$|^/images/|^/(?:favicon\.ico|robots\.txt|COPYING|CREDITS)$">
        Require all granted
    </LocationMatch>
    <LocationMatch "/\.|^/images/(?:{HIDDEN_UPLOADS})(?:/|$)|(?i:^/images/.*\.(?:{SCRIPTS})$)">
        Require all denied
    </LocationMatch>
    <LocationMatch "^/(?:(?:{entry_points})\.php(?:/.*)?|wiki(?:/.*)?)?$">
        Require all granted
    </LocationMatch>
    <LocationMatch "^/(?:(?:{entry_points})\.php(?:/.*)?|wiki(?:/.*)?)$">
        SetHandler application/x-httpd-php
    </LocationMatch>

    # All wikis share OPcache. Without the first two, one reads the code and the secrets of another, cached, or its paths;
    # without the third, a release that is left is served on.
    php_admin_value opcache.validate_permission 1
    php_admin_value opcache.restrict_api /nonexistent
    php_admin_value opcache.revalidate_path 1
    php_admin_value sys_temp_dir {home}/tmp
    php_admin_value upload_tmp_dir {home}/tmp
    php_admin_value session.save_path {home}/tmp
    php_admin_value error_log {home}/logs/php.log
    php_admin_value log_errors 1
    php_admin_value display_errors 0
    php_admin_value upload_max_filesize {UPLOAD_MEGABYTES}M
    php_admin_value post_max_size {UPLOAD_MEGABYTES}M
</VirtualHost>
"#,
        bytes = u64::from(UPLOAD_MEGABYTES) << 20,
    );
    text
}
