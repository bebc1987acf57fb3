//! Every rule: its id, why it is one, and what to do.
//!
//! Ids are those of the tools people know where a rule means the same: `DL…` hadolint, `CIS-DI-…` and `DKL-…` dockle, names in
//! one word BuildKit's checks. `SQ-…` are ours: about Dockerfiles (`SQ-D`), Compose (`SQ-C`), the build context (`SQ-X`) and exceptions
//! (`SQ-E`). docs/docker.md shows this table; a test keeps it so.

pub mod hadolint;
pub mod images;
pub mod compose;

/// One rule.
pub struct Rule {
    pub id: &'static str,
    pub why: &'static str,
    pub fix: &'static str,
}

pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

const fn rule(id: &'static str, why: &'static str, fix: &'static str) -> Rule {
    Rule { id, why, fix }
}

#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("DL3000", "a relative WORKDIR depends on what stood before it", "write an absolute path"),
    rule("DL3001", "this command makes no sense in a container that has one process", "leave it out, or do it outside of the image"),
    rule("DL3002", "the last USER of the stage is root", "end with a USER that is not root"),
    rule("DL3003", "`cd` lasts for one RUN and hides where the next one works", "use WORKDIR"),
    rule("DL3004", "sudo has no terminal and no session here, and stays in the image", "run as root before USER, or use a tool such as gosu at start"),
    rule("DL3006", "an image without a tag is whatever is newest on the day of the build", "name a version, or a digest"),
    rule("DL3007", "`latest` is whatever is newest on the day of the build", "name a version, or a digest"),
    rule("DL3008", "apt-get installs whatever version is newest on the day of the build", "write package=version"),
    rule("DL3009", "the lists of apt stay in the image", "end the same RUN with `rm -rf /var/lib/apt/lists/*`, or put a cache mount over /var/lib/apt/lists"),
    rule("DL3010", "ADD unpacks an archive by itself, without a layer for the packed one", "use ADD for this archive"),
    rule("DL3011", "a port is at most 65535", "write a port from 0 to 65535"),
    rule("DL3012", "only the last HEALTHCHECK counts", "leave one"),
    rule("DL3013", "pip installs whatever version is newest on the day of the build", "write package==version, or use --requirement with a file of pinned versions"),
    rule("DL3014", "apt-get asks, and nobody answers", "add -y"),
    rule("DL3015", "apt-get also installs what the package only recommends", "add --no-install-recommends"),
    rule("DL3016", "npm installs whatever version is newest on the day of the build", "write package@version, or use npm ci"),
    rule("DL3018", "apk installs whatever version is newest on the day of the build", "write package=version"),
    rule("DL3019", "the index of apk stays in the image", "add --no-cache, or put a cache mount over /var/cache/apk"),
    rule("DL3020", "ADD also unpacks and downloads; a plain file needs neither", "use COPY"),
    rule("DL3021", "several sources need a folder as their target", "end the target with /"),
    rule("DL3022", "COPY --from names no stage above it", "name a stage that is defined above, or an image with a tag"),
    rule("DL3023", "a stage cannot copy from itself", "name another stage"),
    rule("DL3024", "two stages have the same name, and only one of them can be meant", "give each stage a name of its own"),
    rule("DL3025", "in shell form a shell stands between the engine and the process, and keeps its signals", "use the JSON form: [\"program\", \"argument\"]"),
    rule("DL3027", "apt is made for people; its output and options change", "use apt-get or apt-cache"),
    rule("DL3028", "gem installs whatever version is newest on the day of the build", "write gem:version, or add --version"),
    rule("DL3029", "a fixed --platform makes the image wrong on other machines", "leave --platform out, or use $BUILDPLATFORM"),
    rule("DL3030", "yum asks, and nobody answers", "add -y"),
    rule("DL3032", "the cache of yum stays in the image", "end the same RUN with `yum clean all`"),
    rule("DL3033", "yum installs whatever version is newest on the day of the build", "write package-version"),
    rule("DL3034", "zypper asks, and nobody answers", "add --non-interactive or -y"),
    rule("DL3035", "a dist-upgrade makes another system than the base image promised", "leave it out and take a newer base image"),
    rule("DL3036", "the cache of zypper stays in the image", "end the same RUN with `zypper clean`"),
    rule("DL3037", "zypper installs whatever version is newest on the day of the build", "write package=version"),
    rule("DL3038", "dnf asks, and nobody answers", "add -y"),
    rule("DL3040", "the cache of dnf stays in the image", "end the same RUN with `dnf clean all`"),
    rule("DL3041", "dnf installs whatever version is newest on the day of the build", "write package-version"),
    rule("DL3042", "pip's cache stays in the image", "add --no-cache-dir, or put a cache mount over .cache/pip"),
    rule("DL3043", "ONBUILD cannot keep this instruction", "leave ONBUILD, FROM and MAINTAINER out of ONBUILD"),
    rule("DL3044", "a variable is used in the ENV that defines it, and still has its value from before", "define it in an ENV above"),
    rule("DL3045", "COPY to a relative path without WORKDIR lands in a place that nobody named", "set WORKDIR, or write an absolute path"),
    rule("DL3046", "useradd with a high id writes a log of last logins as long as that id", "add --no-log-init"),
    rule("DL3047", "wget's progress bar fills the log of the build", "add --quiet, --no-verbose or --progress=dot:giga"),
    rule("DL3048", "this is no valid label key", "use lower-case letters, digits and single . - _ /, outside of Docker's own name spaces"),
    rule("DL3059", "two short RUN in a row make two layers", "join them with &&"),
    rule("DL3060", "yarn's cache stays in the image", "end the same RUN with `yarn cache clean`, or put a cache mount over .cache/yarn"),
    rule("DL3061", "nothing but ARG can stand before FROM", "begin with FROM"),
    rule("DL3062", "go installs whatever version is newest on the day of the build", "write package@version"),
    rule("DL3063", "this name of a stage means something else to Docker", "give the stage another name"),
    rule("DL3064", "what ARG and ENV say is readable in the image's history", "use a secret mount (`RUN --mount=type=secret`) at build time, a file at run time"),
    rule("DL3065", "$TARGETPLATFORM is what FROM takes anyway", "leave --platform out"),
    rule("DL3066", "a user's name can be looked up only inside of the image: the engine cannot tell that it is not root", "write the number: USER 10001:10001"),
    rule("DL3067", "the whole file system of a stage is copied, and with it what a build leaves behind", "copy the files that are needed"),
    rule("DL4000", "MAINTAINER is no more", "use LABEL org.opencontainers.image.authors"),
    rule("DL4001", "both wget and curl are used", "use one of them"),
    rule("DL4003", "only the last CMD counts", "leave one"),
    rule("DL4004", "only the last ENTRYPOINT counts", "leave one"),
    rule("DL4005", "a link over /bin/sh changes every later program", "use SHELL"),
    rule("DL4006", "of a pipe only the last command's failure ends the build", "set SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"] above"),

    rule("ConsistentInstructionCasing", "an instruction is written unlike most of this file", "write all instructions in the same case"),
    rule("CopyIgnoredFile", "COPY takes what .dockerignore leaves out", "take it out of .dockerignore, or do not copy it"),
    rule("ExposeInvalidFormat", "EXPOSE takes a port and a protocol, nothing more", "write port or port/protocol"),
    rule("ExposeProtoCasing", "protocols are written in lower case", "write tcp or udp"),
    rule("FromAsCasing", "AS is written in another case than FROM", "write both in the same case"),
    rule("InvalidDefaultArgInFrom", "FROM uses an ARG without a default", "give the ARG a default"),
    rule("LegacyKeyValueFormat", "a pair without = swallows the rest of the line", "write NAME=value"),
    rule("NoEmptyContinuation", "a blank line in the middle of an instruction will become an error", "remove the blank line"),
    rule("StageNameCasing", "names of stages are compared in lower case", "write the name in lower case"),
    rule("UndefinedArgInFrom", "FROM uses a variable that no ARG above it declares", "declare it with ARG above the first FROM"),
    rule("UndefinedVar", "a variable is used that nothing defines", "declare it with ARG in this stage, or set it with ENV"),

    rule("CIS-DI-0001", "the image runs as root", "end the final stage with a numeric user: USER 10001:10001"),
    rule("CIS-DI-0006", "the image says nothing of its health", "add HEALTHCHECK CMD [\"program\", \"healthcheck\"], or HEALTHCHECK NONE to an image that is run once"),
    rule("CIS-DI-0008", "a setuid or setgid file gives its owner's rights to everyone", "leave the bit away"),
    rule("CIS-DI-0010", "a secret becomes part of the image", "use a secret mount (`RUN --mount=type=secret`) at build time, a file at run time; replace the secret, which is known now"),
    rule("DKL-DI-0002", "a volume over a folder of the system hides the image's own files", "name a folder for data"),
    rule("DKL-DI-0003", "an upgrade makes another system than the base image promised", "take a newer base image"),

    rule("SQ-D01", "the base image is not pinned", "name a version, or a digest"),
    rule("SQ-D03", "a program is started that is not in the image", "copy it into the final stage, or correct its path"),
    rule("SQ-D04", "a shell is needed where there is none", "use the exec form, or do it in a build stage"),
    rule("SQ-D05", "a file is copied that is not there", "correct the path; it counts from the root of the build context"),
    rule("SQ-D06", "a download is not checked", "add --checksum=sha256:…"),
    rule("SQ-D07", "the file is not UTF-8, so nothing can build it", "save it as UTF-8"),
    rule("SQ-D08", "this is no Dockerfile", "correct the line"),
    rule("SQ-D09", "a script is run straight from the network", "download it, check its SHA-256, then run it"),
    rule("SQ-D10", "the image does not say what it is", "add the labels that are missing"),
    rule("SQ-D11", "everyone can write there", "give the folder to the user of the image with --chown"),
    rule("SQ-D12", "apt-get update alone is cached: the next install takes lists from long ago", "join it with the install that needs it"),
    rule("SQ-D13", "DEBIAN_FRONTEND stays in the image and changes what people see in it", "set it for the one RUN: `RUN DEBIAN_FRONTEND=noninteractive apt-get …`"),

    rule("SQ-C00", "this is no Compose file", "correct the line"),
    rule("SQ-C01", "a service that runs on has no health check", "add HEALTHCHECK to its image, or healthcheck: to the service"),
    rule("SQ-C02", "a service without limits can take the whole host", "set mem_limit, cpus and pids_limit, or deploy.resources.limits"),
    rule("SQ-C03", "logs are not rotated", "set logging: with max-size and max-file, or the driver local"),
    rule("SQ-C04", "the restart policy does not fit what the service is", "set restart: unless-stopped, or \"no\" for a service that ends"),
    rule("SQ-C05", "the root file system can be written", "set read_only: true, and tmpfs: for what must be written"),
    rule("SQ-C06", "capabilities are kept that nothing needs", "set cap_drop: [ALL], and cap_add: for the few that are needed"),
    rule("SQ-C07", "rights can be gained by a setuid file", "set security_opt: [no-new-privileges:true]"),
    rule("SQ-C08", "a dependency waits for too little, or for ever", "write the long form with condition: service_healthy or service_completed_successfully"),
    rule("SQ-C09", "a port is published past the edge", "remove ports:; services reach each other by name"),
    rule("SQ-C10", "a service is on a network that leads outside", "put it on networks with internal: true"),
    rule("SQ-C11", "an image without a version is whatever is newest on the day of the pull", "name a version, or a digest"),
    rule("SQ-C12", "a variable is not in .env.example", "add it there, with a comment and a safe default"),
    rule("SQ-C13", "a variable is set that nothing reads", "correct the name, or remove it"),
    rule("SQ-C14", "a secret stands in the environment", "mount it with secrets: and give the path, as NAME_FILE"),
    rule("SQ-C15", "something is used that is not declared", "declare it at the top of the file, or correct the name"),
    rule("SQ-C16", "something is declared that nothing uses", "remove it"),
    rule("SQ-C17", "a build does not fit its Dockerfile", "correct context, dockerfile, target or args"),
    rule("SQ-C18", "a port is meant that the image does not open", "correct the port, or EXPOSE"),
    rule("SQ-C19", "a container gets power over the host", "remove it"),
    rule("SQ-C20", "a path of the host is mounted that is not there", "correct the path; it counts from the folder of the first Compose file"),
    rule("SQ-C21", "a service runs as root", "remove user:, or name a number that is not 0"),
    rule("SQ-C22", "this key is out of date or in the way", "remove it"),
    rule("SQ-C23", "a health check cannot start", "use a program that is in the image"),
    rule("SQ-C24", "the volume is not where the data is", "mount the volume at /var/lib/postgresql"),
    rule("SQ-C27", "a dependency leads nowhere", "correct the name, or take the circle apart"),

    rule("SQ-X01", "the build context is larger than its budget", "add what no build needs to .dockerignore"),
    rule("SQ-X02", "without .dockerignore all files are sent to the engine", "write .dockerignore"),

    rule("SQ-E01", "an exception needs a reason", "write `# squall: allow RULE, because …`, or `# hadolint ignore=RULE # …` with the reason"),
    rule("SQ-E02", "an exception names a rule that does not exist", "correct the id; docs/docker.md lists them"),
    rule("SQ-E03", "an exception excuses nothing", "remove it"),
];
