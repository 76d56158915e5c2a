import {render} from "preact";

import {App} from "./components/app";
import {answerQuestions} from "./search/answer";
import {keepPreferences} from "./state/preferences";
import {followAddress} from "./state/route";
import {connect} from "./state/service";
import "./styles/page.css";

keepPreferences();
followAddress();
answerQuestions();
void connect();
render(<App />, document.getElementById("page")!);
