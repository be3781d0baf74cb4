# Sourced: Debian packages as files, of any release, without a trace in the machine's own apt.

# Code name of the machine's own Debian; nothing on another system.
codename() {
    (. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") || true
}

# The archive that the machine's apt is pointed at.
archive() {
    apt-get indextargets --format '$(REPO_URI)' "Codename: $(codename)" 'Created-By: Packages' \
        'Component: main' | head -n 1
}

# fetch FOLDER RELEASE (download|closure) PACKAGE…
# Puts .deb files into FOLDER: the packages alone, or with everything they need.
fetch() {
    local folder=$1 release=$2 how=$3 state=$1/apt
    shift 3
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    : > "$state/installed"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(archive) $release main" \
        > "$state/sources.list"
    printf '%s;\n' > "$state/apt.conf" \
        "Dir::Etc::SourceList \"$state/sources.list\"" 'Dir::Etc::SourceParts "/dev/null"' \
        'Dir::Etc::PreferencesParts "/dev/null"' "Dir::State::Lists \"$state/lists\"" \
        "Dir::State::Status \"$state/installed\"" "Dir::Cache \"$state/cache\"" \
        'Acquire::Languages "none"' 'Acquire::Retries "3"' 'APT::Sandbox::User "root"' \
        'APT::Install-Recommends "false"'
    local -x APT_CONFIG=$state/apt.conf
    apt-get -qq update
    if [ "$how" = download ]; then
        (cd "$folder" && apt-get -qq download "$@")
    else
        apt-get -qq -y --download-only install "$@" > /dev/null
        mv "$state"/cache/archives/*.deb "$folder"
    fi
    rm -rf "$state"
}
