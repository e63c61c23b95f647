# Made the files of Apache and nginx: requests good, bad and hostile, names right and wrong.
# Runs as root in a throwaway root: it writes to / and starts daemons.
cd /
mkdir -p /w/cgi /run/apache2; echo hi > /w/index.html; printf '#!/bin/sh\necho boom >&2\nexit 1\n' > /w/cgi/x; chmod +x /w/cgi/x; chmod 755 /w
mkdir -p /w/sec; echo s > /w/sec/index.html; htpasswd -bc /pw amy right 2>/dev/null || echo 'amy:{SHA}'$(printf right | openssl dgst -sha1 -binary | base64) > /pw
M=/usr/lib/apache2/modules
cat > /a.conf <<X
ServerRoot /
PidFile /run/a.pid
Listen 8081
ServerName t.example
LoadModule mpm_event_module $M/mod_mpm_event.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule authn_core_module $M/mod_authn_core.so
LoadModule authn_file_module $M/mod_authn_file.so
LoadModule authz_user_module $M/mod_authz_user.so
LoadModule auth_basic_module $M/mod_auth_basic.so
LoadModule dir_module $M/mod_dir.so
LoadModule alias_module $M/mod_alias.so
LoadModule cgid_module $M/mod_cgid.so
LoadModule reqtimeout_module $M/mod_reqtimeout.so
ScriptSock /run/cgisock
User www-data
Group www-data
DocumentRoot /w
ErrorLog /a-error.log
RequestReadTimeout header=1-2,MinRate=500
LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined
LogFormat "%h %l %u %t \"%r\" %>s %b" common
LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined
CustomLog /a-common.log common
CustomLog /a-combined.log combined
CustomLog /a-vhost.log vhost_combined
<Directory /w>
Require all granted
</Directory>
<Directory /w/sec>
AuthType Basic
AuthName x
AuthUserFile /pw
Require valid-user
</Directory>
ScriptAlias /cgi /w/cgi
X
apache2 -f /a.conf; 
cat > /n.conf <<X
pid /run/n.pid;
error_log /n-error.log info;
events {}
http {
limit_req_zone \$binary_remote_addr zone=z:1m rate=1r/m;
log_format js escape=json '{"time_iso8601":"\$time_iso8601","remote_addr":"\$remote_addr","remote_user":"\$remote_user","request":"\$request","status":\$status,"body_bytes_sent":\$body_bytes_sent,"http_user_agent":"\$http_user_agent"}';
access_log /n-access.log combined;
access_log /n-json.log js;
server { listen 8082; root /w; location /lim { limit_req zone=z; } location /deny { deny all; } location /up { proxy_pass http://127.0.0.1:1; } location /sec { auth_basic x; auth_basic_user_file /pw; } }
}
X
nginx -c /n.conf; sleep 1
raw() { timeout 3 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1; printf '$2' >&3; cat <&3 | head -1"; }
for p in 8081 8082; do
for r in 'GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n' 'GET /nope?x=1 HTTP/1.0\r\n\r\n' 'GET /a b HTTP/1.1\r\nHost: t\r\n\r\n' '\x16\x03\x01\x02\x00\x01\r\n\r\n' '\r\n\r\n' 'BREW /pot HTTP/1.0\r\n\r\n' 'GET /"quoted" HTTP/1.0\r\nReferer: x [10/Oct/2000:13:55:36 +0000] \r\nUser-Agent:  200 5 "\r\n\r\n' 'GET /%%0aevil%%2c client: 6.6.6.6%%2c server: HTTP/1.0\r\n\r\n' 'GET /x%%22%%2c%%20client:%%206.6.6.6%%2c%%20server:%%20a HTTP/1.0\r\n\r\n' 'GET /cgi/x HTTP/1.0\r\n\r\n' 'GET /lim HTTP/1.0\r\n\r\n' 'GET /lim HTTP/1.0\r\n\r\n' 'GET /deny HTTP/1.0\r\n\r\n' 'GET /up HTTP/1.0\r\n\r\n' 'GET http://o.example/p?q HTTP/1.0\r\n\r\n' 'GET /\xff\xfe HTTP/1.0\r\n\r\n' 'HEAD / HTTP/1.0\r\n\r\n' 'GET /sec/ HTTP/1.0\r\n\r\n'; do echo "$p $r"; raw $p "$r"; done
for u in 'amy:right' 'amy:wrong' 'a "b" [c] d:x' ':' 'mü:x' 'x [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.0" 200 1:x'; do b=$(printf '%s' "$u" | base64 -w0); raw $p "GET /sec/ HTTP/1.0\r\nAuthorization: Basic $b\r\n\r\n"; done
timeout 4 bash -c "exec 3<>/dev/tcp/127.0.0.1/$p; sleep 2.5"
done
sleep 1; kill $(cat /run/a.pid) $(cat /run/n.pid); sleep 1
