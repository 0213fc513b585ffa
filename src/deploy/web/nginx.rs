//! nginx: the proxy, and the wikis' files.

use std::fmt::Write;

use super::{ASSETS, ENTRY_POINTS, HIDDEN_UPLOADS, SCRIPTS, Site, UPLOAD_MEGABYTES, routes_path, site_directory};
use crate::deploy::options::{Options, Web};
use crate::deploy::web::daemon::{Daemon, PROBE_HOST};
use crate::farm::Host;

/// The proxy, and behind it what answers when no wiki does. For the context `http`.
pub(super) fn farm(options: &Options, digest: &str) -> String {
    let services = &options.services;
    let (proxy, backend) = (&services.proxy, &services.backend);
    // Hosts of 200 bytes, two names for each of thousands of wikis.
    let mut text = format!(
        r#"map_hash_bucket_size 512;
map_hash_max_size 65536;
server_names_hash_bucket_size 512;
server_names_hash_max_size 65536;

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
    return 200 "{digest}";
}}
"#,
        routes = routes_path(options).display(),
    );
    if options.web == Web::Fpm {
        let _ = write!(
            text,
            r#"
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
    return 404;
}}

include {sites}/*.conf;
"#,
            port = proxy.rsplit_once(':').map_or("80", |(_, port)| port),
            sites = site_directory(options, Daemon::Nginx).display(),
        );
    }
    text
}

/// The servers of a wiki: of the release that is served, and of the one that is tried.
pub(super) fn site(options: &Options, site: &Site, next: &Host) -> String {
    let layout = &options.layout;
    let current = server(options, site, &site.host, &layout.current(&site.name).display().to_string());
    let next = server(options, site, next, &layout.next(&site.name).display().to_string());
    format!("{current}\n{next}")
}

fn server(options: &Options, site: &Site, host: &Host, root: &str) -> String {
    let backend = &options.services.backend;
    let entry_points = ENTRY_POINTS.join("|");
    let home = options.layout.home(&site.name);
    let home = home.display();
    let index = php(options, site, "/index.php", "");
    let entry = php(options, site, "$fastcgi_script_name", "$fastcgi_path_info");
    format!(
        r#"server {{
    listen {backend};
    server_name {host};
    server_tokens off;
    root {root};
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
    location ~ ^/(?:{entry_points})\.php(?:/|$) {{
        fastcgi_split_path_info ^(/[a-z_]+\.php)(.*)$;
{entry}    }}
    # Above the rules for files: the first expression that fits is taken.
    location ~ /\. {{ return 404; }}
    location ~ ^/(?:extensions|skins)/.+\.(?:{ASSETS})$ {{ expires 7d; }}
    location ~ ^/resources/.+\.(?:{ASSETS})$ {{ expires 7d; }}
    location ~ ^/images/(?:{HIDDEN_UPLOADS})(?:/|$) {{ return 404; }}
    location ~* ^/images/.*\.(?:{SCRIPTS})$ {{ return 404; }}
    location /images/ {{
        alias {home}/images/;
        # The wiki's user can put a link in the place of the directory itself.
        disable_symlinks on from={home};
    }}
    location = /favicon.ico {{ }}
    location = /robots.txt {{ }}
    location ~ ^/(?:COPYING|CREDITS)$ {{ default_type text/plain; }}
}}
"#
    )
}

/// How PHP is asked, for a location. All parameters are written out, so that none depends on files of a distribution.
fn php(options: &Options, site: &Site, script: &str, path_info: &str) -> String {
    let parameters = [
        ("SCRIPT_FILENAME", format!("$mwfarm_release{script}")),
        ("SCRIPT_NAME", script.to_owned()),
        ("PATH_INFO", path_info.to_owned()),
        ("DOCUMENT_ROOT", "$mwfarm_release".to_owned()),
        ("MW_INSTALL_PATH", "$mwfarm_release".to_owned()),
        ("MW_CONFIG_FILE", "$mwfarm_release/.mwfarm/settings.php".to_owned()),
        ("QUERY_STRING", "$query_string".to_owned()),
        ("REQUEST_METHOD", "$request_method".to_owned()),
        ("CONTENT_TYPE", "$content_type".to_owned()),
        ("CONTENT_LENGTH", "$content_length".to_owned()),
        ("REQUEST_URI", "$request_uri".to_owned()),
        ("DOCUMENT_URI", "$document_uri".to_owned()),
        ("SERVER_PROTOCOL", "$server_protocol".to_owned()),
        ("REQUEST_SCHEME", "$scheme".to_owned()),
        ("GATEWAY_INTERFACE", "CGI/1.1".to_owned()),
        ("SERVER_SOFTWARE", "nginx".to_owned()),
        ("REMOTE_ADDR", "$remote_addr".to_owned()),
        ("REMOTE_PORT", "$remote_port".to_owned()),
        ("SERVER_ADDR", "$server_addr".to_owned()),
        ("SERVER_PORT", "$mwfarm_port".to_owned()),
        ("SERVER_NAME", "$server_name".to_owned()),
        ("REDIRECT_STATUS", "200".to_owned()),
        // A header `Proxy` would become the variable that many libraries take for their proxy.
        ("HTTP_PROXY", String::new()),
    ];
    let mut text = String::new();
    for (name, value) in parameters {
        let _ = writeln!(text, "        fastcgi_param {name} \"{value}\";");
    }
    text.push_str("        fastcgi_param HTTPS $mwfarm_https if_not_empty;\n");
    let _ = writeln!(text, "        fastcgi_pass unix:{};", options.layout.socket(&site.name).display());
    text
}
