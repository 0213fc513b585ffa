//! nginx: the proxy, and the wikis' files.
//!
//! All wikis are one server behind the proxy, and a wiki is two lines of its map. With servers of their own, two for
//! each wiki, a thousand wikis took 720 MB of each process and four seconds of each reload.

use std::fmt::Write;

use super::{ASSETS, ENTRY_POINTS, HIDDEN_UPLOADS, SCRIPTS, Site, UPLOAD_MEGABYTES, routes_path, site_directory};
use crate::deploy::options::Options;
use crate::deploy::web::daemon::{Daemon, PROBE_HOST};
use crate::farm::Host;

/// The proxy, and behind it the server of all wikis, if there may be some. For the context `http`.
pub(super) fn farm(options: &Options, serves: bool, digest: &str) -> String {
    let proxy = &options.services.proxy;
    // Hosts may have 200 bytes, and wikis be thousands.
    let mut text = format!(
        r#"map_hash_bucket_size 512;
map_hash_max_size 65536;

# `$host` is in lower case, without port and without a dot at its end; it is looked up as a whole.
map $host $mwfarm_backend {{
    default "";
    include {routes};
}}

server {{
    listen {proxy} default_server;
    server_name _;
    server_tokens off;
    client_max_body_size {UPLOAD_MEGABYTES}m;
    location / {{
        if ($mwfarm_backend = "") {{ return 404; }}
        proxy_pass http://$mwfarm_backend;
        # A connection of its own for each request: mpm-itk gives a process to one wiki for good.
        proxy_http_version 1.1;
        proxy_set_header Connection close;
        proxy_set_header Host $host;
        # What clients say of these is not passed on.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host "";
        proxy_set_header X-Forwarded-Port "";
        proxy_set_header X-Forwarded-Server "";
        proxy_set_header X-Real-IP "";
        proxy_set_header Forwarded "";
        proxy_set_header Proxy "";
        proxy_redirect off;
    }}
}}

# Says which configuration is in effect.
server {{
    listen {proxy};
    server_name {PROBE_HOST};
    server_tokens off;
    access_log off;
    return 200 "{digest}";
}}
"#,
        routes = routes_path(options).display(),
    );
    if serves {
        text.push('\n');
        text.push_str(&wikis(options));
    }
    text
}

/// The lines of a wiki: the release that is served, and the one that is tried.
pub(super) fn site(options: &Options, site: &Site, next: &Host) -> String {
    let layout = &options.layout;
    let (current, tried) = (layout.current(&site.name), layout.next(&site.name));
    format!("{} {};\n{next} {};\n", site.host, current.display(), tried.display())
}

fn wikis(options: &Options) -> String {
    let layout = &options.layout;
    let (backend, proxy) = (&options.services.backend, &options.services.proxy);
    let index = php(options, "/index.php", "");
    let entry = php(options, "$fastcgi_script_name", "$fastcgi_path_info");
    format!(
        r#"map $host $mwfarm_root {{
    default "";
    include {sites}/*.conf;
}}
map $mwfarm_root $mwfarm_wiki {{
    default "";
    "~/(?<mwfarm_name>[a-z0-9-]+)$" $mwfarm_name;
}}
map $http_x_forwarded_proto $mwfarm_https {{
    default "";
    https on;
}}
map $http_x_forwarded_proto $mwfarm_port {{
    default {port};
    https 443;
}}

server {{
    listen {backend} default_server;
    server_name _;
    server_tokens off;
    if ($mwfarm_root = "") {{ return 404; }}
    root $mwfarm_root;
    # The link is read once: each use of `$realpath_root` would read it again, and a switch could come between.
    set $mwfarm_release $realpath_root;
    if ($mwfarm_release = "") {{ return 503; }}
    set_real_ip_from 127.0.0.0/8;
    set_real_ip_from ::1;
    real_ip_header X-Forwarded-For;
    client_max_body_size {UPLOAD_MEGABYTES}m;
    # Files are opened part by part, none of which may be a link; only what is above the release may.
    disable_symlinks on from=$document_root;
    add_header X-Content-Type-Options nosniff;

    location / {{ return 404; }}
    location = / {{
{index}    }}
    location = /wiki {{
{index}    }}
    location ^~ /wiki/ {{
{index}    }}
    # Of the expressions, the first that fits is taken.
    location ~ ^/(?:{entry_points})\.php(?:/|$) {{
        fastcgi_split_path_info ^(/[a-z_]+\.php)(.*)$;
{entry}    }}
    location ~ /\. {{ return 404; }}
    location ~ ^/(?:extensions|resources|skins)/.+\.(?:{ASSETS})$ {{ expires 7d; }}
    location ~ ^/images/(?:{HIDDEN_UPLOADS})(?:/|$) {{ return 404; }}
    location ~* ^/images/.*\.(?:{SCRIPTS})$ {{ return 404; }}
    location /images/ {{
        alias {homes}/$mwfarm_wiki/images/;
        # The wiki's user can put a link in the place of the directory itself.
        disable_symlinks on from={homes}/$mwfarm_wiki;
    }}
    location = /favicon.ico {{ }}
    location = /robots.txt {{ }}
    location ~ ^/(?:COPYING|CREDITS)$ {{ default_type text/plain; }}
}}
"#,
        sites = site_directory(options, Daemon::Nginx).display(),
        port = proxy.rsplit_once(':').map_or("80", |(_, port)| port),
        entry_points = ENTRY_POINTS.join("|"),
        homes = layout.homes().display(),
    )
}

/// How PHP is asked, for a location. All parameters are written out, so that none depends on files of a distribution.
fn php(options: &Options, script: &str, path_info: &str) -> String {
    let release = format!("$mwfarm_release{script}");
    let parameters = [
        ("SCRIPT_FILENAME", release.as_str()),
        ("SCRIPT_NAME", script),
        ("PATH_INFO", path_info),
        ("DOCUMENT_ROOT", "$mwfarm_release"),
        ("MW_INSTALL_PATH", "$mwfarm_release"),
        ("MW_CONFIG_FILE", "$mwfarm_release/.mwfarm/settings.php"),
        ("QUERY_STRING", "$query_string"),
        ("REQUEST_METHOD", "$request_method"),
        ("CONTENT_TYPE", "$content_type"),
        ("CONTENT_LENGTH", "$content_length"),
        ("REQUEST_URI", "$request_uri"),
        ("DOCUMENT_URI", "$document_uri"),
        ("SERVER_PROTOCOL", "$server_protocol"),
        ("REQUEST_SCHEME", "$scheme"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", "nginx"),
        ("REMOTE_ADDR", "$remote_addr"),
        ("REMOTE_PORT", "$remote_port"),
        ("SERVER_ADDR", "$server_addr"),
        ("SERVER_PORT", "$mwfarm_port"),
        ("SERVER_NAME", "$host"),
        ("REDIRECT_STATUS", "200"),
        // A header `Proxy` would become the variable that many libraries take for their proxy.
        ("HTTP_PROXY", ""),
    ];
    let mut text = String::new();
    for (name, value) in parameters {
        let _ = writeln!(text, "        fastcgi_param {name} \"{value}\";");
    }
    text.push_str("        fastcgi_param HTTPS $mwfarm_https if_not_empty;\n");
    let _ = writeln!(text, "        fastcgi_pass unix:{}/$mwfarm_wiki.sock;", options.layout.sockets().display());
    text
}
