#!/bin/sh
# Pictures of an exported page as a browser shows it, to be looked at: a desktop, dark, a phone, and printed. And whether the
# phone has to scroll sideways. Needs Chromium: look.sh PAGE.html DIRECTORY
set -eu
page=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")

browser() {
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files --user-data-dir="$out/profile" "$@" 2>/dev/null
}

browser --window-size=1280,1600 --screenshot="$out/desktop.png" "file://$page"
browser --window-size=1280,1600 --blink-settings=preferredColorScheme=0 --screenshot="$out/dark.png" "file://$page"
browser --no-pdf-header-footer --print-to-pdf="$out/page.pdf" "file://$page"

# A window is never as narrow as a phone: the page stands in a frame of 390 points, which tells how wide it would like to be.
cat >"$out/phone.html" <<END
<body style="margin:0"><iframe id="page" src="file://$page" style="border:0;width:390px;height:2400px"></iframe><p id="told"></p>
<script>page.onload = () => { const root = page.contentDocument.documentElement;
told.textContent = root.scrollWidth > root.clientWidth ? "TOO WIDE" : "IT FITS" }</script>
END
browser --disable-web-security --window-size=500,2400 --screenshot="$out/phone.png" "file://$out/phone.html"
browser --disable-web-security --virtual-time-budget=5000 --dump-dom "file://$out/phone.html" | grep -o '<p id="told">IT FITS'
