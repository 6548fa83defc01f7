"""What the name of a field says about its value: a secret, a person's, an id, a path, a message, or nothing that we know."""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache

from parsers.late import late


class Meaning(Enum):
    """What may be shown of a field's value."""

    SECRET = auto()  # nothing
    PERSON = auto()  # its type and length
    ID = auto()  # a keyed token
    DATA = auto()  # a whole object of the caller's: its keys
    PATH = auto()  # without ids and query
    TEXT = auto()  # a message: after every other rule
    ERRORS = auto()  # messages by field name
    SHAPED = auto()  # words of programs, when there is nothing else in it
    NAME = auto()  # an error class or a logger, not a person
    IDENTIFIER = auto()  # a name out of the schema or the code
    PLAIN = auto()  # numbers, times, versions
    UNKNOWN = auto()  # its type and length


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_TEXT = _names(
    "msg message messages event error err errors exception exc excinfo exctext excvalue stack stacktrace stackinfo trace "
    "traceback detail details hint cause log logs shortmessage fullmessage mt renderedmessage messagetemplate desc "
    "errormessage errmsg developermessage statustext statusmessage stopcode stoppedreason query sql statement textpayload "
    "stdout stderr command cmd databaseurl dburl redisurl mongourl mongouri databaseuri sqlalchemydatabaseuri "
    "connectionstring dsn string interpolatedmessage defaultmessage originalmessage innerexception sqlmessage originalerror "
    "rooterror faultstring parent aggregateerrors issues payloadmessage"
)
_SHAPED = _names(
    "title reason description text summary label subtitle warning info output result status failurereason line where"
)
_ERRORS = _names(
    "fielderrors formerrors validationerrors validation fieldmessages errormessages modelstate violations invalidparams nonfielderrors"
)
_PATH = _names(
    "path url uri route endpoint originalurl requestpath requesturi requesturl resourcepath target href pathname referer "
    "referrer location instance baseurl httppath httpurl urlpath httptarget upstream"
)
_IDENTIFIER = _names(
    "c s ns ctx level levelname severity severitytext lvl loglevel l code errorcode sqlstate errno syscall signal type kind exctype "
    "errortype logger loggername module context function func funcname routine file filename column columnname table "
    "tablename schema constraint constraintname index datatype field fields fieldname property propertyname propertypath "
    "param parameter loc keys key label method verb httpmethod requestmethod operation operationname operationtype action "
    "model modelname relation relationname argument keyword instancepath schemapath datapath rule tag format "
    "expected minimum maximum inclusive exact version clientversion release environment env nodeenv service servicename app "
    "appname application container containername containerid image host hostname nodename thread threadname process "
    "processname region awsregion cluster ecscluster ecstaskarn ecstaskdefinition ecscontainername taskdefinition taskarn "
    "revision commit commitsha gitsha gitcommit protocol httpversion dialect driver migration migrationname migrations "
    "database dbname databasename db server servername schemaname status statuscode httpstatus source stream origin "
    "category subsystem component tool system allowedvalues missingproperty additionalproperty options role roles limit "
    "comparison constraints contexts in enginename engine controller commandtype spantype unit classname class typename "
    "requestid reqid correlationid spanid traceid parentid awsrequestid taskid eventid streamid errorid rootbeanclass "
    "rootbeanclassname messagekey errorkey i18n responsecode responsecodedetails responseflags authority serverfile scheme "
    "deployment deploymentid sdk sdkname language runtime platform arch os nodeversion object"
)
_PLAIN = _names(
    "time ts timestamp t datetime asctime date created createdms msecs relativecreated processid pid ppid tid threadid "
    "duration durationms responsetime elapsed elapsedms latency took ms seconds bytes size length contentlength "
    "responselength port remoteport count total attempt attempts retry retries retrycount line lineno linenumber col "
    "position offset exitcode exitstatus priority v version level severitynumber timeunixnano observedtimeunixnano "
    "statuscode status downstreamstatus originstatus code retryafter memory cpu rss heapused"
)
_DATA = _names(
    "body input payload variables original datavalues rawdata formdata form record row oldvalue newvalue before after old "
    "new locals args kwargs value received originalvalue currentvalue invalidvalue rejectedvalue inputvalue rejected invalids values "
    "bindings binds sqlparameters requestbody responsebody reqbody requestpayload rootbean parameters "
    "queryparameters queryparams querystring patch dto changes data messagebody rawbody content formvalues"
)
_NAME = _names("name")
_PERSON_OBJECT = _names(
    "user patient client contact customer member person actor profile guardian emergencycontact subscriber insured "
    "beneficiary owner author recipient sender provider therapist caregiver claimant identity principal caller employee"
)
_ID = _names(
    "ip ips clientip remoteip remoteaddress remoteaddr clientaddr clientaddress clienthost ipaddress sourceip forwardedfor "
    "xforwardedfor xrealip fwd username user login userid uid usr account accountid clientusername caller actor owner sub "
    "clientid patientid memberid customerid subscriberid principal principalid identity remoteuser xamzncaller enduserid"
)
_SECRET = late(
    r"passw|passwd|passphrase|^pass$|^pwd|pwd$|secret|(?:^|[a-z])token$|^tokens?(?:id|value)|apikey|accesskey|privatekey|encryptionkey|signingkey|credential"
    r"|authorization|^auth$|^xauth|cookie|^session$|sessionid|sessionkey|sessiontoken|^sid$|connectsid|csrf|xsrf|^otp$|^pin$|^cvc|^cvv|securitycode|signature"
    r"|^jwt|bearer|^salt$|^nonce$|^x?amzsecuritytoken|^mfacode$|verificationcode|resetcode|accesscode|logincode|backupcode|magiccode|^certificate$|^authheader"
)
_PERSON = late(
    r"e?mail(?:address)?s?$|useremail|phone|mobile|^cell$|^fax|telephone|^tel$|ssn|socialsecurity|firstname|lastname|middlename|fullname|displayname"
    r"|nickname|surname|givenname|familyname|dob$|birth|street|^city$|zipcode|^zip$|postal|postcode|^address|address$|^notes?$|notes?$|comment|diagnos"
    r"|symptom|medicat|prescri|allerg|insurance|(?:policy|group|member|subscriber|claim|chart|case)(?:number|no|num)$|mrn|medicalrecord|^gender$|^sex$|^race$|ethnic|religio|marital|income|salary"
    r"|cardnumber|^card$|^iban$|^cn$|^sn$|icd|cpt|accountnumber|routingnumber|licen[sc]enumber|passport|taxid|nationalid|subjective$|objective$|assessment$"
    r"|treatment|complaint|history$|narrative|^bio$|age$|signature|freetext"
)
_PROSE = late(
    r"notes?$|comment|narrative|summary|history$|diagnos|complaint|subjective$|objective$|assessment$|treatment|^plan$|freetext"
)
_NOT_PERSON = _names(
    "message page usage image storage language package stage coverage average ipaddress remoteaddress clientaddress "
    "percentage mailage emailverified messages localaddress storageaddress bindaddress voltage manage triage footnote"
)
_SOURCE_FILES = _names("go py js cjs mjs ts tsx jsx rb java kt scala ex exs erl rs php cs cpp c h vue sql html css json yml yaml")
_CODE_NAME = late(
    r"(?:host|file|func|function|table|service|model|db|database|class|type|event|job|queue|task|container|field|operation|migration|constraint|index"
    r"|exception|error|logger|level|process|thread|path|column|schema|app|application|module|method|rule|step|stage|scope|span|cluster|node|pod"
    r"|namespace|command|tool|package|project|plugin|driver|action|controller|handler|engine|group|stream|topic|bucket|region|server|component|resource"
    r"|template|view|workflow|metric|flag|feature|property|argument|option|param|parameter|variable|relation|prefix)name$"
)
_PERSON_ID = late(
    r"(?:user|patient|client|member|customer|subscriber|account|person|employee|provider|therapist|insured|owner|author)ids?$"
)


def normal(key: str) -> str:
    """`dueDate`, `due_date`, `a.dueDate.0` -> `duedate`: the last part with a name, letters and digits only."""
    parts = [part for part in key.split(".") if part and not part.isdigit()]
    return "".join(char for char in (parts[-1] if parts else key).lower() if char.isalnum())


@lru_cache(maxsize=4096)
def meaning(key: str) -> Meaning:
    """What the value under `key` may be. A dotted key also counts its parents: whatever stands in `body.` is the caller's."""
    if len(key) > 120:
        return Meaning.UNKNOWN
    if "." in key and key.rsplit(".", 1)[-1] in _SOURCE_FILES:
        return Meaning.PLAIN
    if "." in key and any(normal(part) in _DATA or normal(part) in _PERSON_OBJECT for part in key.split(".")[:-1]):
        own = _own_meaning(normal(key))
        return own if own in (Meaning.SECRET, Meaning.ID) else Meaning.PERSON
    return _own_meaning(normal(key))


_BY_NAME: tuple[tuple[frozenset[str], Meaning], ...] = (
    (_TEXT - _PATH, Meaning.TEXT),
    (_ERRORS, Meaning.ERRORS),
    (_PATH, Meaning.PATH),
    (_SHAPED - _IDENTIFIER, Meaning.SHAPED),
    (_ID, Meaning.ID),
    (_DATA, Meaning.DATA),
    (_NAME, Meaning.NAME),
    (_IDENTIFIER, Meaning.IDENTIFIER),
    (_PLAIN, Meaning.PLAIN),
)
_MEANINGS = {name: means for names, means in reversed(_BY_NAME) for name in names}


def _own_meaning(name: str) -> Meaning:
    if name in _MEANINGS:
        return _MEANINGS[name]
    if _PERSON_ID.search(name):
        return Meaning.ID
    if _CODE_NAME.search(name):
        return Meaning.IDENTIFIER
    if _SECRET.search(name):
        return Meaning.SECRET
    if name not in _NOT_PERSON and (_PERSON.search(name) or name.endswith("name")):
        return Meaning.PERSON
    if name.endswith("code"):
        return Meaning.IDENTIFIER
    return Meaning.ID if name == "id" or key_of_id(name) else Meaning.UNKNOWN


@lru_cache(maxsize=4096)
def holds_prose(key: str) -> bool:
    """Whether the value under `key` is usually sentences, with commas and colons of their own."""
    return _PROSE.search(normal(key)) is not None


def key_of_id(name: str) -> bool:
    """Whether a normalised name is `…Id`, `…_id` or `…UUID`."""
    return name.endswith(("id", "ids", "uuid", "guid")) and name not in (
        "valid",
        "invalid",
        "paid",
        "grid",
        "void",
        "avoid",
        "android",
        "solid",
    )


@lru_cache(maxsize=4096)
def is_person_object(key: str) -> bool:
    """Whether an object under `key` describes a person: what is in it is theirs."""
    return normal(key) in _PERSON_OBJECT


@lru_cache(maxsize=4096)
def always_person_id(key: str) -> bool:
    """Whether an id under `key` is a person's however short it is."""
    return normal(key) in _ID or _PERSON_ID.search(normal(key)) is not None
