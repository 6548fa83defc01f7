"""The words of programs: what a message of known shape is made of. Names of persons are not among them.

`evidence = "strict"` shows these words and nothing else of free text; quoted text is shown when it is made of them.
"""

from __future__ import annotations

WORDS: frozenset[str] = frozenset(
    """
    a abort aborted aborting about above accept acceptable accepted access according ack acl acquire acquired across action
    actions active actual add added adding additional address addresses admin advisory aes after again against ago alembic
    alive all allocate allocated allocation allow allowed alphabetic alphanumeric already also alter altered always
    ambiguous among an and another ansi any apache api app application applications applied applies apply applying are arg
    args argument arguments arn array arrays as ascii asked assertion assigned assume asyncpg at atomic attempt attempted
    attempting attempts attribute attributes authenticate authenticated authentication authorization authorized auto
    available await aws axios back backend background backoff backtick backup bad base based baseline baselined basic batch
    be because been before begin beginning being below between beyond big bigint binary bind binding blank blob block
    blocked blocking blocks body bool boolean both bound break broken bucket buffer bug build built bulk bundle bundler busy
    but by byte bytes cache cached call called calling camel can cancel canceled canceling cancelled cannot cascade case
    cast catch caught cause caused causes ceil celery certificate chain change changed changelog changes changeset
    changesets channel char character characters check checked checking checkout checks checksum child children choice
    choices choose chunk cidr cipher circuit class classes clause clean cleanup clear cli client clients clock close closed
    closest closing cloudwatch cluster cmd code codec codes cohort collection column columns combination command commands
    commit committed common compatible compilation compile compiled complete completed completely component concurrent
    condition config configuration configured conflict conflicting conflicts connect connected connecting connection
    connections connector consistency constraint constraints constructor contain container contains content context continue
    continued continues continuing control conversion convert converted cookie cookies copy core correct correctly corrupt
    corrupted cors could count cpu crash crashed create created creates creating creation credentials cron cross css csv
    current currently cursor custom cycle daemon dangling data database databases dataset datasource date dates datetime
    datum db ddl deadlock debug decimal declare declared decode decrypt decrypted deep default deferred define defined
    definition degraded delay delayed delete deleted deletes deleting delta denied deno deny depend dependencies dependency
    deploy deployed deploying deployment deployments deprecated dequeue descriptor deserialize destination destroyed detail
    details detect detected development dialect did difference different digest digits dimension directly directory dirty
    disable disabled disconnect disconnected disk division django dns do docker document documents does domain done down
    draft drf drift driver drizzle drop dropdown dropped dropping dry dsn due duplicate duplicated duplicates during each
    ecs edit efs either elapsed elb element elements else email emails empty enable enabled encode encoded encoding
    encountered encrypted end ended endpoint endpoints enforce engine enqueue enqueued ensure enter entity entries entry
    enum enumeration env environment eof epoch equal error errors esm essential eval event events every exactly exceed
    exceeded exceeds except exception exceptions exclusion exclusive execute executed executing execution exhausted exist
    existing exists exit exited exits expect expected expecting expects expiration expired expiry explicit express
    expression extension external extra facet fail failed failing fails failure failures fallback false fastapi fastify
    fatal feature fetch field fields file files filter final find finish finished firelens firewall first fix flag float
    flush flyway folder follow following for forbidden force foreign fork form format formatted formed forwarded found
    fraction free from full fully function functions future gateway generate generated generating generic get getting git
    github given global go gone got gpu graceful gracefully grant granted graphql greater group grpc gunicorn halted handle
    handled handler handling handshake has hash have head header headers health healthy heap held help here hex high hikari
    hint history hold hook host hostname hosts hour hours how however html http https id idempotent ident identifier
    identity idle ids if ignore ignored ignoring illegal immediately implementation implicit implied import in inactive
    include included including inclusive incoming incompatible incomplete inconsistent incorrect index indexes infinite info
    information initial initialization initialize initialized initializing inline inner input insert inserted inserting
    inside instance instances instead insufficient int integer integrity interface internal interrupt interrupted interval
    into invalid invalidated invariant invocation invoked io ioredis ip ipv is iso isolation issue issues it item items
    iteration its java javascript jdbc jest job joi join jpa js json jsonb just jwt kafka kb keep keepalive kernel key keys
    keyspace kill killed kind knex known koa kubernetes label lag lambda large last latency later latest layer leader leaf
    leak lease least left length less level levels library lifecycle lifetime like limit line lines link linked liquibase
    list listen listener listening literal literals live load loaded loading local locale localhost locate located location
    lock locked locking locks log logged logger logging login logout long longer look lookahead looking lookup lost low
    lower made main make making malformed manage managed manager manifest manual map mapped mapping mariadb mark marked mask
    match matched matches matching max maximize maximum may mb media member memory merge message messages metadata method
    methods middleware might migrate migrated migrating migration migrations millisecond milliseconds min minimum minute
    minutes mismatch misses missing mode model models modified modify module modules mongo mongodb mongoose month more most
    move ms msg multi multipart multiple must mutation mutex mysql name named names namespace nan native need needed needs
    negative nest nested nesting nestjs network never new newer newline next nginx nil no node nodes non nonce none nor not
    note notes nothing notice now npm npx null nullable nullish number numbers numeric oauth object objects occurred occurs
    of off offset ok old older omitted on once one ones only oom opaque open openapi opened opening openssl operation
    operations operator optimistic option optional options or oracle order origin original orm other out outdated output
    outside over overflow overlap overlapping overloaded override own owner package page pagination paired paragraph
    parameter parameters parent parse parsed parser parsing part partial partially pass passed password passwords past patch
    path paths pattern paused payload pem pending per perform permanent permission permissions permitted persist persistence
    pg phone pick pid pin pinned pino pipe please plugin pnpm pods point pointer policy poll polling pool port position
    positive possible post postgres postgresql precision precondition prefix preflight prepared present prevent previous
    previously primary primitive print prior prisma privilege privileges probe probes problem procedure process processed
    processing processor produced production profile program progress prohibited project promise prompt properties property
    protocol provide provided provider proxy psql psycopg public publish puma purge put pydantic pyodbc python queries query
    queue quit quota rabbitmq rails raise raised raising range rate raw rds reach reachable reached reaches read reading
    readonly ready reason rebase reboot receive received receives recent recipient recognized reconnect reconnecting record
    records recover recovered recovery recursion recursive redirect redirected redis reference referenced references refresh
    refused regex regexp register registered registration registry reindex reject rejected related relation relations
    relationship release released reload remain remaining remote remove removed removing rename renamed repair repeat
    replace replaced replay replica replicas reply report request requested requests require required requires requiring
    resend reserved reset resolve resolved resolver resource resources respond responded response responses rest restart
    restarted restarting restarts restore restriction result results resume retried retries retry retrying return returned
    returning returns reverted revision revoked rights role roll rollback rolled rolling root rotate rotated route router
    routes row rows ruby rule run running runs runtime rust safe same sandbox save saved saving scale scan schedule
    scheduled scheduler schema schemas scheme scope script sdk search second seconds secret section secure security see seed
    segment select semaphore send sender sending sent separate sequelize sequence serialization serialize server servers
    service services session sessions set setting settings setup several severity shadow shard shared shell should show shut
    shutdown shutting side sigint sigkill sign signal signature signed signup sigterm silently simultaneous since single
    size skew skip skipped skipping slash sleep slot slots slow small smtp snapshot snapshotting so socket some sorted
    source space spawn specified specify spring sql sqlalchemy sqlite sqs ssl ssm stack stage stale stalled standard standby
    start started starting starts startup stash state statement statements static status stderr stdin stdout step steps
    still stop stopped stopping storage store stored stream strict string strings structure stub submitted subnet subprocess
    subscription succeed succeeded success successful successfully such suffix summary supplied support supported suspended
    svc swap symbol symbolic sync synced synchronize syntax system table tables tag tail take taken takes target task tasks
    tcp template temporary tenant terminate terminated terminating test text than that the their them then there these they
    this those thread threads throttled throttling through throw thrown tick time timed timeout timeouts timestamp tls to
    today token tokens toml too took top total trace traceback track traefik traffic transaction transactional transactions
    transfer transform transient traversal trigger triggered trpc true truncated trust try trying ts tuple two tx type
    typeorm types typescript udp umzug unable unauthenticated unauthorized unavailable unbaselined uncaught unclosed
    uncommitted undeclared undefined under underlying undici unexpected unfinished unhandled unhealthy unicode unique unit
    unix unknown unlock unmanaged unmatched unparsable unprocessable unreachable unreadable unrecognized unregistered
    unreleased unresolved unsafe unset unsigned unsupported until untrusted unused up update updated updates updating
    upgrade upgrading upload upper upsert upstream uri url usage use used user username users uses using usr utc utf uuid
    uvicorn vacuum valid validate validated validating validation validations validator value values variable variables
    various vendor verification verified verify version versions via view violate violated violates violating violation
    violations visible vpc wait waiting waits want warn warning warnings was way we webhook website websocket were what when
    where whether which while who whole whose why wildcard will with within without wont word work worker working works
    can't couldn't didn't doesn't don't hasn't haven't isn't mustn't shouldn't wasn't weren't won't wouldn't
    workspace world would wrap write writing written wrong wsgi xml yaml yarn year yes yet you your yup zero zod zone
""".split()
)
